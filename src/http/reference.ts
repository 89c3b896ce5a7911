import helmet from '@fastify/helmet'
import swaggerUi from '@fastify/swagger-ui'
import type { FastifyPluginAsync } from 'fastify'

export const REFERENCE_PATH = '/docs'

/**
 * The API reference as a page. Everything it shows comes from this server: scripts, styles and pictures are files of
 * the package, and the content security policy lets the browser load nothing else.
 */
export function referencePages(): FastifyPluginAsync {
  return async (pages) => {
    // What an API answer needs would keep a page from loading its own scripts; helmet sets what pages need.
    pages.addHook('onRequest', (_request, reply, done) => {
      reply.removeHeader('content-security-policy').removeHeader('cache-control')
      done()
    })
    await pages.register(helmet, {
      contentSecurityPolicy: {
        useDefaults: false,
        directives: {
          'default-src': ["'self'"],
          'base-uri': ["'none'"],
          'form-action': ["'none'"],
          'frame-ancestors': ["'none'"],
          // Swagger UI draws its icons from data: addresses inside its own style sheet.
          'img-src': ["'self'", 'data:'],
          'object-src': ["'none'"],
        },
      },
      // TLS ends at a proxy, if there is one: whether to insist on it is the proxy's to say.
      strictTransportSecurity: false,
    })
    await pages.register(swaggerUi, {
      routePrefix: REFERENCE_PATH,
      theme: { title: 'Postern API' },
      uiConfig: { layout: 'BaseLayout', docExpansion: 'list', defaultModelsExpandDepth: -1 },
    })
  }
}
