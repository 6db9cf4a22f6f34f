# The API; with the arguments --optimize-for-size bundle/worker.js, the worker. docs/deployment.md says how to build and run it.

FROM node:24.21.0-bookworm-slim AS bundle
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tools/bundle.mjs tools/
COPY src src
RUN node tools/bundle.mjs

FROM node:24.21.0-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund
# Type declarations and source maps are half of it, and nothing runs them.
RUN find node_modules -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \) -delete
COPY tools/require-node.mjs tools/
COPY --from=bundle /app/bundle bundle
# What Node compiles at a start lies ready: a start takes little more than half of its CPU time. The cache is one user's, so it is made as that user.
RUN mkdir .compile-cache && chown 65532:65532 .compile-cache
USER 65532:65532
ENV NODE_COMPILE_CACHE=.compile-cache
RUN node --import ./tools/require-node.mjs --input-type=module --eval \
    "await Promise.all(['./bundle/serve.js', '@azure/identity'].map((name) => import(name)))"
# What is compiled with another option is of no use.
RUN node --optimize-for-size --import ./tools/require-node.mjs --input-type=module --eval \
    "await Promise.all(['./bundle/worker-app.js', '@azure/identity'].map((name) => import(name)))" \
  && chmod -R a+rX .compile-cache

# No shell, no package manager; only glibc, libstdc++, certificates, and the same Node as in the build.
FROM gcr.io/distroless/cc-debian12:nonroot
COPY --from=build /usr/local/bin/node /usr/local/bin/node
COPY --from=build /app /app
WORKDIR /app
USER 65532:65532
ENV HOST=0.0.0.0 PORT=3000 NODE_COMPILE_CACHE=/app/.compile-cache
EXPOSE 3000
HEALTHCHECK --interval=30s --timeout=3s --start-period=10s CMD ["node", "--eval", "fetch(`http://127.0.0.1:${process.env.PORT}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "--import", "./tools/require-node.mjs"]
CMD ["bundle/server.js"]
