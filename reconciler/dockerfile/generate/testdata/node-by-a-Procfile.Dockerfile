# Written by plateform build dockerfile from what it found in the source:
#   build.framework: node (there is a package.json)
#   port: 3000 (usual for node)
#   runtime: node 24 (the source does not say which)
#   packages: npm (there is no lockfile)
#   start: node --max-old-space-size=200 "server.js" (web in Procfile)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules **/.next **/.nuxt **/.output

FROM docker.io/library/node:24-bookworm AS build
WORKDIR /src
ARG GREETING
COPY package.json ./
RUN if [ -f package-lock.json ] || [ -f npm-shrinkwrap.json ]; then npm ci; else npm install; fi
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
CMD ["sh", "-c", "exec node --max-old-space-size=200 \"server.js\""]
