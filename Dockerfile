# Compiles the program, installs what it needs to run, and takes the two of them alone: no sources and no compiler.
FROM node:24-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Nothing that compiles it needs a script of its own to be installed.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY sql ./sql
COPY src ./src
COPY examples ./examples
RUN npm run build

FROM node:24-slim AS dependencies
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --ignore-scripts --no-audit --no-fund

FROM node:24-slim
# The first process of a container has to pass signals on from its first instruction, and to reap the processes that others
# leave behind. Node does neither.
RUN apt-get update && apt-get install --yes --no-install-recommends tini && rm -rf /var/lib/apt/lists/*
# The heap's limit is a share of what the container may use, whatever that is; in 256 MB Node itself would let it grow to 259 MB.
# The rest is for what is not heap. Without the second, freed memory is kept apart for each thread.
ENV NODE_ENV=production \
    NODE_OPTIONS=--max-old-space-size-percentage=60 \
    MALLOC_ARENA_MAX=2
WORKDIR /app
COPY package.json LICENSE ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
RUN chmod 755 dist/src/cli/bin.js && ln -s /app/dist/src/cli/bin.js /usr/local/bin/pgnotion && mkdir /config && install --directory --owner=1000 --group=1000 /journal
# The configuration, what it imports, and .env are looked for here: mount yours as /config/pgnotion.config.ts, or a folder of them.
WORKDIR /config
# The user `node` by its number, which Kubernetes can tell from root. Only `sandbox --journal /journal/FILE` writes anything.
USER 1000:1000
EXPOSE 7420
# Reads ADMIN_HOST and ADMIN_PORT as the daemon does.
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s CMD ["pgnotion", "health"]
ENTRYPOINT ["tini", "--", "pgnotion"]
CMD ["start"]
