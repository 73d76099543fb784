# Written by plateform build dockerfile from what it found in the source:
#   build.framework: laravel (composer.json requires laravel/framework)
#   runtime: php 8.4 (require.php in composer.json)
#   needs: extensions bcmath, intl, opcache, pdo_mysql, pdo_pgsql, redis, zip (composer.json, and what is usual for laravel)
#   output: served from public (index.php is there)
#   runtime: node 24 (the source does not say which)
#   packages: npm (package-lock.json)
#   port: 8080 (the generated Dockerfile has it listen there)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules storage/logs

FROM docker.io/library/php:8.4-apache-bookworm AS base
COPY --from=docker.io/mlocati/php-extension-installer:2.7 /usr/bin/install-php-extensions /usr/local/bin/
RUN install-php-extensions bcmath intl opcache pdo_mysql pdo_pgsql redis zip
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
COPY --from=docker.io/library/node:24-bookworm-slim /usr/local/bin/node /usr/local/bin/
COPY --from=docker.io/library/node:24-bookworm-slim /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && \
    ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
RUN apt-get update && \
    apt-get install --yes --no-install-recommends git unzip && \
    rm -rf /var/lib/apt/lists/*
ENV COMPOSER_ALLOW_SUPERUSER=1
COPY --from=docker.io/library/composer:2.8 /usr/bin/composer /usr/local/bin/
COPY composer.json composer.lock ./
RUN composer install --no-dev --no-scripts --no-autoloader --prefer-dist --no-interaction
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN composer install --no-dev --optimize-autoloader --prefer-dist --no-interaction
RUN if [ -f package-lock.json ] || [ -f npm-shrinkwrap.json ]; then npm ci; else npm install; fi && \
    npm run build && \
    rm -rf node_modules
RUN mkdir -p bootstrap/cache storage/app/public storage/logs storage/framework/cache storage/framework/sessions storage/framework/views

FROM base
WORKDIR /app
COPY --from=build /app ./
COPY --from=build --chown=65532:65532 /app/bootstrap/cache ./bootstrap/cache
COPY --from=build --chown=65532:65532 /app/storage ./storage
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["apache2-foreground"]
