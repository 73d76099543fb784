# Written by plateform build dockerfile from what it found in the source:
#   build.framework: fastapi (pyproject.toml names fastapi)
#   port: 8000 (usual for fastapi)
#   runtime: python 3.13 (python in pyproject.toml)
#   packages: poetry (poetry.lock)
#   start: uvicorn main:app --host 0.0.0.0 --port $PORT (uvicorn is installed, as the app names no server)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/__pycache__ **/*.pyc .venv venv

FROM docker.io/library/python:3.13-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN pip install poetry==2.1.3
RUN python -m venv /venv
ENV VIRTUAL_ENV=/venv PATH=/venv/bin:$PATH UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_CACHE=1
WORKDIR /app
ARG GREETING
COPY pyproject.toml poetry.lock ./
RUN poetry install --only main --no-root --no-interaction
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN pip install 'uvicorn[standard]==0.35.0'

FROM docker.io/library/python:3.13-slim-bookworm
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app ./
ENV PORT=8000 HOME=/tmp
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "exec uvicorn main:app --host 0.0.0.0 --port $PORT"]
