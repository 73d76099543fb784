# Written by plateform build dockerfile from what it found in the source:
#   build.framework: nuxt (package.json depends on nuxt)
#   port: 3000 (usual for nuxt)
#   runtime: node 24 (the source does not say which)
#   packages: yarn 4.9.2 (yarn.lock)
#   build: the script build (package.json)
#   output: a server in .output (as nuxt build makes it)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules **/.next **/.nuxt **/.output

FROM docker.io/library/node:24-bookworm AS build
WORKDIR /src
ARG GREETING
RUN npm install --global --force @yarnpkg/cli-dist@4.9.2
ENV YARN_NODE_LINKER=node-modules YARN_ENABLE_GLOBAL_CACHE=false
COPY package.json yarn.lock ./
RUN yarn install --immutable
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN yarn run build

FROM docker.io/library/node:24-bookworm-slim
WORKDIR /app
COPY --from=build /src/.output ./
ENV NODE_ENV=production HOST=0.0.0.0
ENV PORT=3000 HOME=/tmp
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["node", "server/index.mjs"]
