# A Django site on Alpine, with pidone: one image for /init, /run and /async. The reasons for each
# line that is not explained here are in django-debian.Dockerfile. Beside your manage.py:
#
#     docker build -f django-alpine.Dockerfile -t shop:1.4 .
#
# Alpine has another C library (musl). What pip installs must be pure Python or have a wheel for
# it ("musllinux"): psycopg2-binary has. What has none is compiled, which takes a compiler in the
# first stage and libraries in both; then Debian is less work. pidone's file is the same one.

ARG PIDONE=pidone:0.1.0
FROM ${PIDONE} AS pidone

# python:3.11-alpine3.20@sha256:… to be sure of it
FROM python:3.11-alpine3.20 AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /app
COPY requirements.txt .
ARG PIP_INDEX_URL
# only-binary: an error that names the package, instead of one in a compiler that is not there
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    pip install --only-binary :all: --requirement requirements.txt
COPY . .
RUN SECRET_KEY=only-for-building-the-image python manage.py collectstatic --noinput \
    && python -m compileall -q --invalidation-mode unchecked-hash .

FROM python:3.11-alpine3.20
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=pidone /pidone /pidone
COPY --from=build /venv /venv
COPY --from=build /app /app
USER 10001:10001
EXPOSE 8000 9480 9481
HEALTHCHECK --interval=10s --timeout=3s --start-period=5m CMD ["/pidone", "probe", "ready"]
ENTRYPOINT ["/pidone"]
CMD ["/run"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-alpine3.20"
