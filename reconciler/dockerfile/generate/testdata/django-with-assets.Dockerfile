# Written by plateform build dockerfile from what it found in the source:
#   build.framework: django (manage.py is django's)
#   port: 8000 (usual for django)
#   runtime: python 3.13 (the source does not say which)
#   packages: pip (requirements.txt)
#   needs: libpq5 (psycopg2 is named)
#   start: gunicorn shop.wsgi:application --bind 0.0.0.0:$PORT (gunicorn is installed, as the app names no server)
#   build: manage.py collectstatic (whitenoise serves what STATIC_ROOT has)
# There is no .dockerignore. These lines keep out what the image does not need: .git .env .env.* **/.DS_Store **/__pycache__ **/*.pyc .venv venv

FROM docker.io/library/python:3.13-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /venv
ENV VIRTUAL_ENV=/venv PATH=/venv/bin:$PATH UV_PROJECT_ENVIRONMENT=/venv UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy UV_NO_CACHE=1
WORKDIR /app
ARG GREETING
COPY requirements.txt ./
RUN pip install -r requirements.txt
COPY . .
RUN find . ! -type l ! -perm -004 -exec chmod a+rX {} +
RUN pip install 'gunicorn==23.0.0'
RUN python manage.py collectstatic --noinput

FROM docker.io/library/python:3.13-slim-bookworm
RUN apt-get update && \
    apt-get install --yes --no-install-recommends libpq5 && \
    rm -rf /var/lib/apt/lists/*
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app ./
ENV PORT=8000 HOME=/tmp
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$PORT"]
CMD ["sh", "-c", "exec gunicorn shop.wsgi:application --bind 0.0.0.0:$PORT"]
