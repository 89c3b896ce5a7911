import swagger, { type SwaggerTransform } from '@fastify/swagger'
import type { FastifyInstance, FastifyPluginAsync, FastifySchema } from 'fastify'
import { PROBLEM_MEDIA_TYPE, Problem } from './problem.ts'
import { referencePages } from './reference.ts'

export const OPENAPI_PATH = '/api/v1/openapi.json'

export interface OpenApiOptions {
  version: string
  /** Where callers reach this server; undefined: wherever they found the document. */
  publicUrl?: string | undefined
  tags: readonly { readonly name: string; readonly description: string }[]
}

/**
 * Describes every route that is registered after this call as OpenAPI 3.1, made from the schemas that the routes
 * themselves are checked with, and serves the document and the reference pages.
 */
export function registerOpenApi(app: FastifyInstance, options: OpenApiOptions): void {
  app.addSchema(Problem)
  app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Postern',
        version: options.version,
        description:
          'Keeps an organisation’s outgoing email flowing through Microsoft Exchange Online with OAuth. Every error is answered as problem details (RFC 9457) with a stable `code`.',
        license: { name: 'MIT', identifier: 'MIT' },
      },
      servers: [{ url: options.publicUrl ?? '/' }],
      tags: options.tags.map((tag) => ({ ...tag })),
      components: {
        securitySchemes: {
          token: {
            type: 'http',
            scheme: 'bearer',
            description:
              'A token of this Postern, made with `postern token create` or POST /api/v1/tokens',
          },
        },
      },
    },
    transform: describeRoute,
    convertConstToEnum: false,
    refResolver: {
      buildLocalReference: (json, _base, _fragment, i) => String(json['$id'] ?? `def-${i}`),
    },
  })
  app.register(referencePages())
  app.register(documentRoute(() => app.swagger()))
}

/** Serves the document; it is made and written out once, on the first request. */
function documentRoute(read: () => unknown): FastifyPluginAsync {
  return async (scope) => {
    let text: string | undefined
    scope.get(
      OPENAPI_PATH,
      { config: { permission: 'public' }, schema: { hide: true } },
      async (_request, reply) => {
        text ??= JSON.stringify(read())
        return reply.type('application/json; charset=utf-8').send(text)
      },
    )
  }
}

const describeRoute: SwaggerTransform = ({ schema: given, url, route }) => {
  const schema: FastifySchema = given ?? {}
  const permission = route.config?.permission ?? 'public'
  const isPublic = permission === 'public'
  const method = [route.method].flat()[0] ?? 'GET'
  const need = isPublic ? 'Needs no token.' : `Needs a token with the scope \`${permission}\`.`
  return {
    url,
    schema: {
      ...schema,
      operationId: schema.operationId ?? operationIdOf(method, url),
      description: [schema.description, need].filter((part) => part !== undefined).join('\n\n'),
      security: isPublic ? [] : [{ token: [] }],
      response: { ...problemResponses(schema, isPublic), ...responsesOf(schema) },
      'x-permission': permission,
    },
  }
}

/** `POST /api/v1/profiles/:id/verify` → `postProfilesByIdVerify` */
function operationIdOf(method: string, url: string): string {
  const words = url
    .replace(/^\/api\/v1/, '')
    .split(/[/-]/)
    .filter((word) => word !== '')
    .map((word) => (word.startsWith(':') ? `By${capital(word.slice(1))}` : capital(word)))
  return method.toLowerCase() + words.join('')
}

function capital(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1)
}

function responsesOf(schema: FastifySchema): Record<string, unknown> {
  const { response } = schema
  return typeof response === 'object' && response !== null ? { ...response } : {}
}

/** The problems that the server itself answers for such a route; a route's own words win. */
function problemResponses(schema: FastifySchema, isPublic: boolean): Record<string, unknown> {
  const { body, params, querystring, headers } = schema
  const takesInput = [body, params, querystring, headers].some((part) => part !== undefined)
  const versioned = JSON.stringify(headers ?? {}).includes('"if-match"')
  return {
    ...(takesInput && { 400: problem('The request is not valid') }),
    ...(!isPublic && {
      401: problem('No valid token'),
      403: problem('The token lacks the scope'),
      429: problem('Too many failed logins from this address; see Retry-After'),
    }),
    ...(params !== undefined && { 404: problem('There is no such thing') }),
    ...(versioned && {
      412: problem('Changed by somebody else since it was read'),
      428: problem('If-Match is missing'),
    }),
    ...(body !== undefined && {
      413: problem('The body is too large'),
      415: problem('The body is not JSON'),
    }),
    500: problem('An error of Postern’s own'),
  }
}

function problem(description: string) {
  return {
    description,
    content: { [PROBLEM_MEDIA_TYPE]: { schema: { $ref: 'Problem#' } } },
  }
}
