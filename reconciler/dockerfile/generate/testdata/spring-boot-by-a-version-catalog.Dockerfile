# Written by plateform build dockerfile from what it found in the source:
#   build.framework: spring-boot (gradle/libs.versions.toml names org.springframework.boot)
#   port: 8080 (usual for spring-boot)
#   runtime: java 21 (the source does not say which)
#   build: gradle bootJar (there is no wrapper)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store target build .gradle

FROM docker.io/library/gradle:8.14-jdk21 AS build
WORKDIR /src
ARG GREETING
COPY build.gradle ./
COPY gradle ./gradle/
RUN gradle --no-daemon dependencies || true
COPY . .
RUN gradle --no-daemon bootJar --exclude-task test
RUN mkdir /out && \
    cp "$(ls -S /src/build/libs/*.[jw]ar | grep -v -e '-plain\.[jw]ar$' -e '-sources\.jar$' -e '-javadoc\.jar$' -e '/original-' | head -n 1)" /out/app.jar

FROM docker.io/library/eclipse-temurin:21-jre
WORKDIR /app
COPY --from=build /out ./
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "export SERVER_PORT=$PORT; exec java -XX:MaxRAMPercentage=75 -jar app.jar"]
