# Written by plateform build dockerfile from what it found in the source:
#   build.framework: ruby (there is a Gemfile)
#   runtime: ruby 3.4 (the source does not say which)
#   start: puma (there is a config.ru)
#   port: 8080 (the generated Dockerfile has it listen there)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/node_modules vendor/bundle log tmp

FROM docker.io/library/ruby:3.4-bookworm AS build
ENV BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test RAILS_ENV=production RACK_ENV=production
WORKDIR /app
ARG GREETING
COPY Gemfile ./
RUN bundle install
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +

FROM docker.io/library/ruby:3.4-slim-bookworm
ENV BUNDLE_PATH=/usr/local/bundle BUNDLE_WITHOUT=development:test RAILS_ENV=production RACK_ENV=production
WORKDIR /app
COPY --from=build /usr/local/bundle /usr/local/bundle
COPY --from=build /app ./
ENV PORT=8080 HOME=/tmp
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "exec bundle exec puma -b tcp://0.0.0.0:$PORT"]
