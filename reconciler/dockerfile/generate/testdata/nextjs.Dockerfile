# Written by plateform build dockerfile from what it found in the source:
#   build.framework: nextjs (package.json depends on next)
#   port: 3000 (usual for nextjs)
#   runtime: node 22 (engines.node in package.json)
#   packages: npm (package-lock.json)
#   build: the script build (package.json)
#   start: next start (the script start in package.json)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules **/.next **/.nuxt **/.output

FROM docker.io/library/node:22-bookworm AS build
WORKDIR /src
ARG GREETING
COPY package.json package-lock.json ./
RUN npm ci
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN npm run build
RUN npm prune --omit=dev --ignore-scripts

FROM docker.io/library/node:22-bookworm-slim
WORKDIR /app
COPY --from=build /src ./
ENV NODE_ENV=production HOST=0.0.0.0
ENV PORT=3000 HOME=/tmp
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["npm", "run", "start"]
