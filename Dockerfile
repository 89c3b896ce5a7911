# The build stage has the compiler; the image that runs has neither it nor any development dependency.
FROM node:24-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN node scripts/clean.mjs dist && node node_modules/typescript/bin/tsc -p tsconfig.build.json \
  && npm ci --omit=dev --ignore-scripts

FROM node:24-bookworm-slim
# A small process (docs/benchmarks.md): with a large heap to fill, V8 would collect only after the heap has grown several
# times over, and each further thread of its own, and of malloc's, costs memory and more time than it saves.
ENV NODE_ENV=production \
    NODE_OPTIONS="--max-semi-space-size=4 --max-old-space-size=512 --v8-pool-size=1" \
    MALLOC_ARENA_MAX=2 \
    POSTERN_DATA_DIR=/data \
    POSTERN_HTTP_HOST=0.0.0.0 \
    POSTERN_LOG_FORMAT=json
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY migrations ./migrations
RUN mkdir /data && chown node:node /data && chmod 700 /data \
  && chmod +x /app/dist/main.js && ln -s /app/dist/main.js /usr/local/bin/postern \
  && ln -s /app/dist/main.js /usr/local/bin/sendmail \
  && ln -s /app/dist/main.js /usr/sbin/sendmail
USER node
VOLUME /data
EXPOSE 8587 2587
HEALTHCHECK --interval=30s --timeout=10s --start-period=20s --retries=3 CMD ["postern", "healthcheck"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["postern"]
CMD ["start"]
