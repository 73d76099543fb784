# Written by plateform build dockerfile from what it found in the source:
#   build.framework: flask (requirements.txt names flask)
#   port: 5000 (usual for flask)
#   runtime: python 3.13 (the source does not say which)
#   install: everything is copied first (requirements.txt names other files)
#   packages: pip (requirements.txt)
#   start: gunicorn 'shop:create_app()' --bind 0.0.0.0:$PORT (gunicorn is among what the app needs)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/__pycache__ **/*.pyc .venv venv

FROM docker.io/library/python:3.13-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /venv
ENV VIRTUAL_ENV=/venv PATH=/venv/bin:$PATH UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_CACHE=1
WORKDIR /app
ARG GREETING
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN pip install -r requirements.txt

FROM docker.io/library/python:3.13-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app ./
ENV PORT=5000 HOME=/tmp
USER 65532:65532
EXPOSE 5000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "exec gunicorn 'shop:create_app()' --bind 0.0.0.0:$PORT"]
