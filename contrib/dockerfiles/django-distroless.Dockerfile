# A Django site in an image without shell, package manager or any other program than Python, with
# pidone: one image for /init, /run and /async. The reasons for each line that is not explained
# here are in django-debian.Dockerfile. Beside your manage.py:
#
#     docker build -f django-distroless.Dockerfile -t shop:1.4 .
#
# pidone needs no shell for anything: roles, waits, HEALTHCHECK, and to look inside
# `docker exec shop /pidone status`, `docker exec -it shop /pidone python manage.py shell`.

ARG PIDONE=pidone:0.1.0
FROM ${PIDONE} AS pidone

# The same Debian, and so the same Python, as in the last stage: what is in /venv points to
# /usr/bin/python3. debian:bookworm-slim@sha256:… to be sure of it.
FROM debian:bookworm-slim AS build
# one line, so that no layer is left with an old list of packages
RUN apt-get update \
    && apt-get install --yes --no-install-recommends python3-venv \
    && rm -rf /var/lib/apt/lists/*
ENV PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python3 -m venv /venv
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

# Of this image there are no tags but kinds (nonroot, debug): here the digest matters most,
# gcr.io/distroless/python3-debian12:nonroot@sha256:…
FROM gcr.io/distroless/python3-debian12:nonroot
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /app
COPY --from=pidone /pidone /pidone
COPY --from=build /venv /venv
COPY --from=build /app /app
# the number that distroless calls nonroot
USER 65532:65532
EXPOSE 8000 9480 9481
HEALTHCHECK --interval=10s --timeout=3s --start-period=5m CMD ["/pidone", "probe", "ready"]
# the base's own entrypoint is Python
ENTRYPOINT ["/pidone"]
CMD ["/run"]
ARG REVISION=unknown
LABEL org.opencontainers.image.title="shop" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.base.name="gcr.io/distroless/python3-debian12:nonroot"
