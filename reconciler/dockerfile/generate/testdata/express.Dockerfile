# Written by plateform build dockerfile from what it found in the source:
#   build.framework: express (package.json depends on express)
#   port: 3000 (usual for express)
#   runtime: node 24 (the source does not say which)
#   packages: npm (package-lock.json)
#   start: node --enable-source-maps server.js (the script start in package.json)

FROM docker.io/library/node:24-bookworm AS build
WORKDIR /src
ARG GREETING
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN npm prune --omit=dev --ignore-scripts

FROM docker.io/library/node:24-bookworm-slim
WORKDIR /app
COPY --from=build /src ./
ENV NODE_ENV=production HOST=0.0.0.0
ENV PORT=3000 HOME=/tmp
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["node", "--enable-source-maps", "server.js"]
