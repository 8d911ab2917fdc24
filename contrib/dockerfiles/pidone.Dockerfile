# pidone's own image: one static file, no system around it. In pidone's source:
#
#     docker build -f contrib/dockerfiles/pidone.Dockerfile -t pidone:0.1.0 .
#
# Two uses. Other Dockerfiles take the file: COPY --from=pidone:0.1.0 /pidone /pidone
# And an init container puts it into a shared volume, so that an image that has no pidone can be
# started by it: args: [install, /shared/pidone]
#
# `RUN --mount` needs BuildKit (Docker 23 has it on; before: DOCKER_BUILDKIT=1) or podman.

# A tag may be moved to another image, a digest cannot. To be sure of the base, write
# debian:bookworm@sha256:…; `docker pull debian:bookworm` prints it. So in every FROM.
FROM debian:bookworm AS build
COPY . /src
# builds OpenSSL, libpq and the rest once, and keeps them in the cache, outside of any layer
RUN --mount=type=cache,target=/root/.cache \
    /src/contrib/static/build --output /out

# nothing is in this image that could be attacked or has to be updated, but this one file
FROM scratch
COPY --from=build /out/pidone /out/NOTICE /
# The number, not a name: there is no /etc/passwd here, and Kubernetes' runAsNonRoot wants to see
# that it is not 0. As init container it writes with the pod's fsGroup or runAsUser.
USER 65532:65532
ENTRYPOINT ["/pidone"]
CMD ["--version"]
# what changes with each build comes last, so that all before it stays in the builder's cache
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="pidone" \
      org.opencontainers.image.description="Container entrypoint: PID 1, roles, waits, probes" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
