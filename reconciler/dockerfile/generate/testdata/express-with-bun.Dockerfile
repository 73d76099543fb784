# Written by plateform build dockerfile from what it found in the source:
#   build.framework: express (package.json depends on express)
#   port: 3000 (usual for express)
#   runtime: node 24 (the source does not say which)
#   packages: bun 1.2.19 (bun.lock)
#   build: the script build (package.json)
#   start: bun src/index.ts (the script start in package.json)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules **/.next **/.nuxt **/.output

FROM docker.io/library/node:24-bookworm AS build
WORKDIR /src
ARG GREETING
COPY --from=docker.io/oven/bun:1.2.19 /usr/local/bin/bun /usr/local/bin/
COPY package.json bun.lock ./
RUN bun install --frozen-lockfile
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN bun run build

FROM docker.io/library/node:24-bookworm-slim
COPY --from=docker.io/oven/bun:1.2.19 /usr/local/bin/bun /usr/local/bin/
WORKDIR /app
COPY --from=build /src ./
ENV NODE_ENV=production HOST=0.0.0.0
ENV PORT=3000 HOME=/tmp
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["bun", "src/index.ts"]
