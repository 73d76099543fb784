# Written by plateform build dockerfile from what it found in the source:
#   build.framework: dotnet (there is a Shop.csproj)
#   port: 8080 (usual for dotnet)
#   runtime: dotnet 9.0 (TargetFramework in Shop.csproj)
#   build: dotnet publish Shop.csproj (it is a program)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store bin obj

FROM mcr.microsoft.com/dotnet/sdk:9.0 AS build
WORKDIR /src
ARG GREETING
COPY Shop.csproj ./
RUN dotnet restore Shop.csproj
COPY . .
RUN dotnet publish Shop.csproj --configuration Release --output /out -p:UseAppHost=false

FROM mcr.microsoft.com/dotnet/aspnet:9.0
WORKDIR /app
COPY --from=build /out ./
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "export ASPNETCORE_URLS=http://0.0.0.0:$PORT; exec dotnet Shop.dll"]
