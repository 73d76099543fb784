# Written by plateform build dockerfile from what it found in the source:
#   build.framework: go (there is a go.mod)
#   port: 8080 (usual for go)
#   runtime: go 1.25 (go in go.mod)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store

FROM docker.io/library/golang:1.25-bookworm AS build
ENV CGO_ENABLED=0 GOTOOLCHAIN=local GOFLAGS=-buildvcs=false
WORKDIR /src
ARG GREETING
COPY . .
WORKDIR /src/cmd/server
RUN go build -trimpath -ldflags='-s -w' -o /out/app .

FROM docker.io/library/alpine:3.22
COPY --from=build /out/app /app
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["sh", "-c", "nc -z 127.0.0.1 $PORT"]
CMD ["/app"]
