# Written by plateform build dockerfile from what it found in the source:
#   build.framework: nest (package.json depends on @nestjs/core)
#   port: 3000 (usual for nest)
#   runtime: node 20 (volta.node in package.json)
#   packages: pnpm 8.15.9 (pnpm-lock.yaml)
#   build: the script build (package.json)
#   start: node dist/main (the script start:prod in package.json)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules **/.next **/.nuxt **/.output

FROM docker.io/library/node:20-bookworm AS build
WORKDIR /src
ARG GREETING
RUN npm install --global --force pnpm@8.15.9
COPY package.json pnpm-lock.yaml ./
RUN pnpm install --frozen-lockfile
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN pnpm run build
RUN CI=true pnpm prune --prod --ignore-scripts

FROM docker.io/library/node:20-bookworm-slim
WORKDIR /app
COPY --from=build /src ./
ENV NODE_ENV=production HOST=0.0.0.0
ENV PORT=3000 HOME=/tmp
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["node", "dist/main"]
