# Written by plateform build dockerfile from what it found in the source:
#   build.framework: nextjs (package.json depends on next)
#   runtime: node 24 (the source does not say which)
#   packages: yarn 1.22.22 (yarn.lock)
#   build: the script build (package.json)
#   output: export: files in site (next.config.mjs)
#   port: 8080 (the generated Dockerfile has it listen there)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules **/.next **/.nuxt **/.output

FROM docker.io/library/node:24-bookworm AS build
WORKDIR /src
ARG GREETING
RUN npm install --global --force yarn@1.22.22
COPY package.json yarn.lock ./
RUN yarn install --frozen-lockfile
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN yarn run build

FROM docker.io/nginxinc/nginx-unprivileged:1.28-alpine
USER 0:0
RUN printf '%s\n' \
      'pid /tmp/nginx.pid;' \
      'error_log /dev/stderr warn;' \
      'events { worker_connections 1024; }' \
      'http {' \
      '  include /etc/nginx/mime.types;' \
      '  default_type application/octet-stream;' \
      '  access_log /dev/stdout;' \
      '  client_body_temp_path /tmp/client; proxy_temp_path /tmp/proxy; fastcgi_temp_path /tmp/fastcgi;' \
      '  uwsgi_temp_path /tmp/uwsgi; scgi_temp_path /tmp/scgi;' \
      '  sendfile on; server_tokens off; absolute_redirect off;' \
      '  gzip on; gzip_types text/css application/javascript application/json image/svg+xml;' \
      '  server {' \
      '    listen __PORT__;' \
      '    root /usr/share/nginx/html;' \
      '    error_page 404 /404.html;' \
      '    location ~ /\.(?!well-known/) { return 404; }' \
      '    location / { try_files $uri $uri.html $uri/ =404; }' \
      '  }' \
      '}' \
      > /etc/nginx/site.conf
COPY --from=build /src/site /usr/share/nginx/html/
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["sh", "-c", "nc -z 127.0.0.1 $PORT"]
CMD ["sh", "-c", "sed \"s/__PORT__/$PORT/\" /etc/nginx/site.conf > /tmp/nginx.conf && exec nginx -c /tmp/nginx.conf -g 'daemon off;'"]
