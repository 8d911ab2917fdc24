# A Django site on Debian, with pidone: one image for /init, /run and /async. Copy this file and
# .dockerignore beside your manage.py, and there:
#
#     docker build -f django-debian.Dockerfile -t shop:1.4 .
#     … --build-arg REVISION=$(git rev-parse HEAD)        to find the source of an image later
#
# `RUN --mount` needs BuildKit (Docker 23 has it on; before: DOCKER_BUILDKIT=1) or podman, which
# needs `podman build --format docker` for HEALTHCHECK.

# Where pidone comes from: pidone.Dockerfile makes this image.
ARG PIDONE=pidone:0.1.0
FROM ${PIDONE} AS pidone

# ---- build: has pip and whatever a build may need; only its results are shipped ----

# A tag may be moved to another image, a digest cannot. To be sure of the base, write
# python:3.11-slim-bookworm@sha256:…; `docker pull` prints it. So in every FROM.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
# A directory with all that is installed, which the image below takes as a whole. First in PATH,
# so that `python` and `pip` mean the ones in it.
RUN python -m venv /venv
ENV PATH=/venv/bin:$PATH
WORKDIR /app
# The requirements alone, before the source: as long as they do not change, the next line comes
# from the builder's cache, whatever else was edited.
COPY requirements.txt .
# The cache keeps what was downloaded, outside of any layer. An index of your own:
#     --build-arg PIP_INDEX_URL=https://pypi.example.org/simple
# Its password belongs into no ARG, which the image's history would show, but into a file, that is
# there during this line only:
#     --secret id=netrc,src=$HOME/.netrc
ARG PIP_INDEX_URL
RUN --mount=type=cache,target=/root/.cache/pip \
    --mount=type=secret,id=netrc,target=/root/.netrc \
    pip install --requirement requirements.txt
COPY . .
# The static files belong to the release, so they are made here and not at each start. Settings
# that insist on a key get one that is used for nothing else. Then the bytecode: nobody can write
# it later, and by its hash it is never stale.
RUN SECRET_KEY=only-for-building-the-image python manage.py collectstatic --noinput \
    && python -m compileall -q --invalidation-mode unchecked-hash .

# ---- what is shipped ----

FROM python:3.11-slim-bookworm
# PYTHONDONTWRITEBYTECODE: it is all there, and a read-only file system would refuse more.
# PYTHONUNBUFFERED: a log line is out when it is written, not when a buffer is full.
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
# pidone finds manage.py in the working directory
WORKDIR /app
COPY --from=pidone /pidone /pidone
# All of it belongs to root: the site can read it and cannot change it, even if it is broken into.
COPY --from=build /venv /venv
COPY --from=build /app /app
# Numbers, not a name: Kubernetes' runAsNonRoot must see that it is not 0. No account of this
# number is needed.
USER 10001:10001
# for people: the site, and pidone's probes of /run and /async
EXPOSE 8000 9480 9481
# For Docker and Compose; Kubernetes has probes of its own. pidone asks the site, and this asks
# pidone, so no curl is needed. Swarm replaces what is unhealthy: there, say live instead of ready.
HEALTHCHECK --interval=10s --timeout=3s --start-period=5m CMD ["/pidone", "probe", "ready"]
# As lists, so that no shell stands between the engine and PID 1 and keeps the signals.
ENTRYPOINT ["/pidone"]
CMD ["/run"]
# what changes with each build comes last, so that all before it stays in the builder's cache
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="docker.io/library/python:3.11-slim-bookworm"
