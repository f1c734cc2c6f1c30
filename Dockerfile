# Node runs the TypeScript as it is, so there is nothing to build.
FROM node:24-slim

ENV NODE_ENV=production
WORKDIR /app

COPY package.json package-lock.json ./
RUN npm ci --omit=dev && npm cache clean --force

COPY sql ./sql
COPY src ./src
COPY examples ./examples

USER node
# The configuration is looked for in /app: mount yours as /app/pgnotion.config.ts.
EXPOSE 7420
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.ADMIN_PORT || 7420}/livez`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# The program bounds its memory itself: see "Memory" in docs/operations.md.
ENTRYPOINT ["node", "src/cli/main.ts"]
CMD ["start"]
