# Written by plateform build dockerfile from what it found in the source:
#   build.framework: php (there is a composer.json)
#   runtime: php 8.2 (require.php in composer.json)
#   output: served from public (index.php is there)
#   port: 8080 (the generated Dockerfile has it listen there)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules storage/logs

FROM docker.io/library/php:8.2-apache-bookworm AS base
RUN a2enmod rewrite headers && \
    printf '%s\n' \
      'ServerName localhost' \
      'Listen ${PORT}' \
      > /etc/apache2/ports.conf && \
    printf '%s\n' \
      '<VirtualHost *:${PORT}>' \
      '  DocumentRoot /app/public' \
      '  <Directory /app/public>' \
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
RUN apt-get update && \
    apt-get install --yes --no-install-recommends git unzip && \
    rm -rf /var/lib/apt/lists/*
ENV COMPOSER_ALLOW_SUPERUSER=1
COPY --from=docker.io/library/composer:2.8 /usr/bin/composer /usr/local/bin/
COPY composer.json ./
RUN composer install --no-dev --no-scripts --no-autoloader --prefer-dist --no-interaction
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN composer install --no-dev --optimize-autoloader --prefer-dist --no-interaction

FROM base
WORKDIR /app
COPY --from=build /app ./
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["apache2-foreground"]
