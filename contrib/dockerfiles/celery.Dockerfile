# A Django site with a Celery worker that is watched and replaced when it hangs, with pidone. It
# is the image of django-debian.Dockerfile, and a configuration for /async and /beat. The reasons
# for each line that is not explained here are there. Beside your manage.py, with
# celery.pidone.ini; beside your celery.py the file contrib/django/heartbeat_celery.py:
#
#     docker build -f celery.Dockerfile -t shop:1.4 .
#
# The site may run from the same image: it is /run.

ARG PIDONE=pidone:0.1.0
FROM ${PIDONE} AS pidone

# python:3.11-slim-bookworm@sha256:… to be sure of it
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /app
COPY requirements.txt .
ARG PIP_INDEX_URL
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    pip install --requirement requirements.txt
COPY . .
RUN SECRET_KEY=only-for-building-the-image python manage.py collectstatic --noinput \
    && python -m compileall -q --invalidation-mode unchecked-hash .

FROM python:3.11-slim-bookworm
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=pidone /pidone /pidone
COPY --from=build /venv /venv
COPY --from=build /app /app
# the worker's command, its heartbeat, how long its tasks may take at a stop
COPY celery.pidone.ini /etc/pidone.ini
# a mistake in it ends this build, not the first start
RUN ["/pidone", "check"]
# The heartbeat is a file in /tmp: where the root is read-only, mount one there.
USER 10001:10001
EXPOSE 9481
# A worker has no port. live is true while it works, or waits for its broker or the database.
HEALTHCHECK --interval=10s --timeout=3s --start-period=1m CMD ["/pidone", "probe", "live"]
ENTRYPOINT ["/pidone"]
CMD ["/async"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop-worker" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"
