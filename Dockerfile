# syntax=docker/dockerfile:1
# Both images can be replaced, for example by mirrors or by ones pinned to a digest:
#   docker build --build-arg RUNTIME_IMAGE=gcr.io/distroless/nodejs24-debian13:nonroot .
ARG BUILD_IMAGE=docker.io/library/node:24-trixie-slim
ARG RUNTIME_IMAGE=docker.io/library/node:24-trixie-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /build
# The dependencies first: this layer stays until the lock file changes.
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json ./
COPY .ci/build.mjs .ci/build.mjs
COPY src src
RUN npm run build

# Only the bundle: no package manager's files, no sources, nothing to run but Node.
FROM ${RUNTIME_IMAGE}
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="webhook-operator" \
      org.opencontainers.image.description="Delivers events from NATS JetStream to webhooks, and loses none" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
WORKDIR /app
COPY --from=build /build/dist/ dist/
# Distroless images keep Node in /nodejs/bin. The compile cache makes a restart of the container start about five times
# faster; it lies in /tmp, the only place that is writable under a read-only root file system. Names are looked up by the
# threads of libuv's pool: with its default of 4, a few hanging name servers would hold up every other receiver.
ENV PATH=/nodejs/bin:/usr/local/bin:/usr/bin:/bin \
    NODE_ENV=production \
    NODE_OPTIONS=--enable-source-maps \
    NODE_COMPILE_CACHE=/tmp/node-compile-cache \
    UV_THREADPOOL_SIZE=64
# A number, so that the kubelet can check runAsNonRoot.
USER 65532:65532
EXPOSE 8080 8081
ENTRYPOINT ["node", "dist/webhook-operator.js"]
