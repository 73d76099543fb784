# Written by plateform build dockerfile from what it found in the source:
#   build.framework: spring-boot (pom.xml names org.springframework.boot)
#   port: 8080 (usual for spring-boot)
#   runtime: java 8 (maven.compiler.source in pom.xml)
#   build: mvnw package (the wrapper is there)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store target build .gradle

FROM docker.io/library/eclipse-temurin:8-jdk AS build
WORKDIR /src
ARG GREETING
COPY pom.xml mvnw ./
COPY .mvn ./.mvn/
RUN sh ./mvnw --batch-mode dependency:go-offline || true
COPY . .
RUN sh ./mvnw --batch-mode -DskipTests package
RUN mkdir /out && \
    cp "$(ls -S /src/target/*.[jw]ar | grep -v -e '-plain\.[jw]ar$' -e '-sources\.jar$' -e '-javadoc\.jar$' -e '/original-' | head -n 1)" /out/app.jar

FROM docker.io/library/eclipse-temurin:8-jre
WORKDIR /app
COPY --from=build /out ./
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "export SERVER_PORT=$PORT; exec java -XX:MaxRAMPercentage=75 -jar app.jar"]
