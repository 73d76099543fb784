# Written by plateform build dockerfile from what it found in the source:
#   build.framework: rust (there is a Cargo.toml)
#   runtime: rust 1.90 (the source does not say which)
#   build: cargo build --bin server (Cargo.toml)
#   port: 8080 (the generated Dockerfile has it listen there)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store target

FROM docker.io/library/rust:1.90-bookworm AS build
ENV CARGO_TARGET_DIR=/target
WORKDIR /src
ARG GREETING
COPY . .
RUN cargo build --release --bin server && \
    mkdir /out && \
    cp /target/release/server /out/app

FROM docker.io/library/debian:12-slim
RUN apt-get update && \
    apt-get install --yes --no-install-recommends ca-certificates libssl3 && \
    rm -rf /var/lib/apt/lists/*
COPY --from=build /out/app /app
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["/app"]
