# A Django site with uWSGI, with pidone: one image for /init, /run and /async. The reasons for each
# line that is not explained here are in django-debian.Dockerfile. Beside your manage.py, with
# uwsgi.pidone.ini:
#
#     docker build -f django-uwsgi.Dockerfile -t shop:1.4 .
#
# requirements.txt has to name pyuwsgi: that is uWSGI as a wheel. The package uWSGI itself is
# compiled when it is installed, and takes a compiler in the first stage for that.

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
# how uWSGI is started and stopped
COPY uwsgi.pidone.ini /etc/pidone.ini
# a mistake in it ends this build, not the first start
RUN ["/pidone", "check"]
USER 10001:10001
EXPOSE 8000 9480 9481
HEALTHCHECK --interval=10s --timeout=3s --start-period=5m CMD ["/pidone", "probe", "ready"]
ENTRYPOINT ["/pidone"]
CMD ["/run"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"
