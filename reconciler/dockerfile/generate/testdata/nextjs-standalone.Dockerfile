# Written by plateform build dockerfile from what it found in the source:
#   build.framework: nextjs (package.json depends on next)
#   port: 3000 (usual for nextjs)
#   runtime: node 22 (.nvmrc)
#   packages: pnpm 10.4.1 (packageManager in package.json)
#   build: the script build (package.json)
#   output: standalone: a server in .next/standalone (next.config.ts)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules **/.next **/.nuxt **/.output

FROM docker.io/library/node:22-bookworm AS build
WORKDIR /src
ARG GREETING
RUN npm install --global --force pnpm@10.4.1
COPY package.json pnpm-lock.yaml ./
RUN pnpm install --frozen-lockfile
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN pnpm run build
RUN mkdir -p public .next/standalone/.next && \
    cp -r public .next/standalone/ && \
    cp -r .next/static .next/standalone/.next/

FROM docker.io/library/node:22-bookworm-slim
WORKDIR /app
COPY --from=build /src/.next/standalone ./
ENV NODE_ENV=production HOSTNAME=0.0.0.0
ENV PORT=3000 HOME=/tmp
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["node", "server.js"]
