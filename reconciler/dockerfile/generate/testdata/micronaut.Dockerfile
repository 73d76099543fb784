# Written by plateform build dockerfile from what it found in the source:
#   build.framework: micronaut (build.gradle names io.micronaut)
#   port: 8080 (usual for micronaut)
#   runtime: java 21 (the source does not say which)
#   build: gradle installDist (there is no wrapper)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store target build .gradle

FROM docker.io/library/gradle:8.14-jdk21 AS build
WORKDIR /src
ARG GREETING
COPY build.gradle ./
RUN gradle --no-daemon dependencies || true
COPY . .
RUN gradle --no-daemon installDist --exclude-task test
RUN cp -r /src/build/install/* /out && \
    rm -f /out/bin/*.bat && \
    ln -s "$(ls /out/bin | head -n 1)" /out/bin/start

FROM docker.io/library/eclipse-temurin:21-jre
WORKDIR /app
COPY --from=build /out ./
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "export MICRONAUT_SERVER_PORT=$PORT; exec bin/start"]
