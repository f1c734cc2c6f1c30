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
ENTRYPOINT ["node", "src/cli.ts"]
CMD ["start"]
