# Written by plateform build dockerfile from what it found in the source:
#   build.framework: quarkus (pom.xml names io.quarkus)
#   port: 8080 (usual for quarkus)
#   runtime: java 21 (the source does not say which)
#   build: maven package (pom.xml)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store target build .gradle

FROM docker.io/library/maven:3.9-eclipse-temurin-21 AS build
WORKDIR /src
ARG GREETING
COPY pom.xml ./
RUN mvn --batch-mode dependency:go-offline || true
COPY . .
RUN mvn --batch-mode -DskipTests package
RUN cp -r /src/target/quarkus-app /out

FROM docker.io/library/eclipse-temurin:21-jre
WORKDIR /app
COPY --from=build /out ./
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "export QUARKUS_HTTP_PORT=$PORT QUARKUS_HTTP_HOST=0.0.0.0; exec java -XX:MaxRAMPercentage=75 -jar quarkus-run.jar"]
