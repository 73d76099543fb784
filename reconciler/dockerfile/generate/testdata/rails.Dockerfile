# Written by plateform build dockerfile from what it found in the source:
#   build.framework: rails (Gemfile names rails)
#   port: 3000 (usual for rails)
#   runtime: ruby 3.3 (ruby in Gemfile)
#   needs: libpq5 (Gemfile names pg)
#   build: rails assets:precompile (there are assets)
#   needs: node (there is a package.json)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules vendor/bundle log tmp

FROM docker.io/library/ruby:3.3-bookworm AS build
ENV BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test RAILS_ENV=production RACK_ENV=production BUNDLE_FROZEN=1
WORKDIR /app
ARG GREETING
COPY --from=docker.io/library/node:24-bookworm-slim /usr/local/bin/node /usr/local/bin/
COPY --from=docker.io/library/node:24-bookworm-slim /usr/local/lib/node_modules /usr/local/lib/node_modules
RUN ln -s ../lib/node_modules/npm/bin/npm-cli.js /usr/local/bin/npm && \
    ln -s ../lib/node_modules/npm/bin/npx-cli.js /usr/local/bin/npx
RUN npm install --global yarn@1.22.22
COPY Gemfile Gemfile.lock ./
RUN bundle install
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN SECRET_KEY_BASE_DUMMY=1 bundle exec rails assets:precompile
RUN mkdir -p db log storage tmp && \
    rm -rf node_modules

FROM docker.io/library/ruby:3.3-slim-bookworm
RUN apt-get update && \
    apt-get install --yes --no-install-recommends libpq5 && \
    rm -rf /var/lib/apt/lists/*
ENV BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test RAILS_ENV=production RACK_ENV=production BUNDLE_FROZEN=1
ENV RAILS_LOG_TO_STDOUT=1 RAILS_SERVE_STATIC_FILES=1
WORKDIR /app
COPY --from=build /usr/local/bundle /usr/local/bundle
COPY --from=build /app ./
COPY --from=build --chown=65532:65532 /app/db ./db
COPY --from=build --chown=65532:65532 /app/log ./log
COPY --from=build --chown=65532:65532 /app/storage ./storage
COPY --from=build --chown=65532:65532 /app/tmp ./tmp
ENV PORT=3000 HOME=/tmp
USER 65532:65532
EXPOSE 3000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "exec bundle exec rails server -b 0.0.0.0 -p $PORT"]
