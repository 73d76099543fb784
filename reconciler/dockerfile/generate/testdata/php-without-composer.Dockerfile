# Written by plateform build dockerfile from what it found in the source:
#   build.framework: php (there is an index.php)
#   runtime: php 8.4 (the source does not say which)
#   output: served from . (index.php is there)
#   port: 8080 (the generated Dockerfile has it listen there)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules storage/logs

FROM docker.io/library/php:8.4-apache-bookworm AS base
RUN a2enmod rewrite headers && \
    printf '%s\n' \
      'ServerName localhost' \
      'Listen ${PORT}' \
      > /etc/apache2/ports.conf && \
    printf '%s\n' \
      '<VirtualHost *:${PORT}>' \
      '  DocumentRoot /app' \
      '  <Directory /app>' \
      '    AllowOverride All' \
      '    Require all granted' \
      '  </Directory>' \
      '  <LocationMatch "/\.(?!well-known/)">' \
      '    Require all denied' \
      '  </LocationMatch>' \
      '</VirtualHost>' \
      > /etc/apache2/sites-available/000-default.conf

FROM base AS build
WORKDIR /app
ARG GREETING
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +

FROM base
WORKDIR /app
COPY --from=build /app ./
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["apache2-foreground"]
