/**
 * HTTP: the server that the features' routes are registered on. It knows no feature.
 *
 * Promises: no route without a named permission; token and permission are checked before the body is read; every error,
 * down to those of the HTTP parser, is problem details (RFC 9457) with the request id that the log line carries; an
 * unexpected error shows nothing else; bodies are checked against the same schemas that the OpenAPI document shows, and all
 * problems are told at once; closing finishes what is being answered.
 *
 * States: built, listening, closing, closed. It keeps nothing, so nothing has to survive a crash.
 */
export {
  type Authenticate,
  actorOf,
  type HttpActor,
  type HttpPrincipal,
  principalOf,
} from './authentication.ts'
export { closeHttpServer } from './close.ts'
export { etagOf, IfMatchHeaders, versionFromIfMatch } from './etag.ts'
export { HEALTH_TAG, healthRoutes, type Readiness } from './health.ts'
export { listen } from './listen.ts'
export { OPENAPI_PATH, type OpenApiOptions, registerOpenApi } from './openapi.ts'
export type { Permission } from './permission.ts'
export { Problem } from './problem.ts'
export { createHttpServer, type HttpServer, type HttpServerDeps } from './server.ts'
