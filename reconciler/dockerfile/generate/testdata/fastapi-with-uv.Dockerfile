# Written by plateform build dockerfile from what it found in the source:
#   build.framework: fastapi (pyproject.toml names fastapi)
#   port: 8000 (usual for fastapi)
#   runtime: python 3.12 (requires-python in pyproject.toml)
#   packages: uv (uv.lock)
#   start: uvicorn --app-dir src api.main:api --host 0.0.0.0 --port $PORT (uvicorn is among what the app needs)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/__pycache__ **/*.pyc .venv venv

FROM docker.io/library/python:3.12-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN pip install uv==0.8.3
RUN python -m venv /venv
ENV VIRTUAL_ENV=/venv PATH=/venv/bin:$PATH UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_CACHE=1
WORKDIR /app
ARG GREETING
COPY pyproject.toml uv.lock ./
RUN uv sync --frozen --no-dev --no-install-project
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN uv sync --frozen --no-dev

FROM docker.io/library/python:3.12-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app ./
ENV PORT=8000 HOME=/tmp
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "exec uvicorn --app-dir src api.main:api --host 0.0.0.0 --port $PORT"]
