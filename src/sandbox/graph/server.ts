import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { Logger } from '../../platform/logger.ts'
import type { ServerCertificates } from '../certificates.ts'
import { startListener } from '../listener.ts'
import { readBody } from '../request-body.ts'
import type { Tenant } from '../tenant.ts'
import {
  createGraphContext,
  type GraphAnswer,
  tooManyRequests,
  unauthenticated,
} from './answers.ts'
import { answerGraph } from './routes.ts'

export interface GraphServer extends AsyncDisposable {
  /** `https://localhost:port`, without `/v1.0`. */
  readonly url: string
}

export interface GraphDeps {
  tenant: Tenant
  host: string
  port: number
  certificates: ServerCertificates
  log?: Logger | undefined
}

/** A key with its proof has some 5 KB. */
const BODY_LIMIT_BYTES = 256 * 1024

export async function startGraph(deps: GraphDeps): Promise<GraphServer> {
  const { tenant, log } = deps
  const server = createServer({ ...deps.certificates.valid, minVersion: 'TLSv1.2' })
  const listener = await startListener({ server, host: deps.host, port: deps.port, answer, log })
  const graphUrl = `https://localhost:${listener.port}`

  const follow = () => listener.refuse(tenant.state().graph.fault === 'refuse')
  follow()
  const unfollow = tenant.onChange(follow)

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await readBody(request, BODY_LIMIT_BYTES)
    tenant.counters.graphRequests++
    const { fault, retryAfterSeconds } = tenant.state().graph
    if (fault === 'silent') return
    const clientRequestId = request.headers['client-request-id']
    const context = createGraphContext(tenant.now(), clientRequestId?.toString())
    const target = `${graphUrl}${request.url ?? '/'}`
    if (fault === 'html' || !URL.canParse(target)) return send(response, BAD_GATEWAY)
    if (fault === 'throttled') return send(response, tooManyRequests(retryAfterSeconds, context))
    if (fault === 'unauthenticated') {
      const message = 'Access token has expired or is not yet valid.'
      return send(response, unauthenticated(message, context))
    }
    const { method = 'GET' } = request
    const { authorization } = request.headers
    const url = new URL(target)
    const result = await answerGraph(
      { method, url, authorization, body: body?.toString('utf8') ?? '' },
      { tenant, graphUrl, context },
    )
    log?.debug({ method, path: url.pathname, status: result.status }, 'answered')
    const isChange = method !== 'GET' && result.status < 300
    if (fault === 'dropAfterWrite' && isChange) listener.reset(request)
    else send(response, result)
  }

  return {
    url: graphUrl,
    async [Symbol.asyncDispose]() {
      unfollow()
      await listener[Symbol.asyncDispose]()
    },
  }
}

const BAD_GATEWAY: GraphAnswer = {
  status: 502,
  headers: { 'Content-Type': 'text/html' },
  body: '<html><head><title>502 Bad Gateway</title></head><body><center><h1>502 Bad Gateway</h1></center><hr><center>Microsoft-Azure-Application-Gateway/v2</center></body></html>',
}

function send(response: ServerResponse, answer: GraphAnswer): void {
  // RFC 9110 §8.6: no Content-Length with 204.
  const length = answer.status === 204 ? {} : { 'Content-Length': Buffer.byteLength(answer.body) }
  response.writeHead(answer.status, { ...answer.headers, ...length })
  response.end(answer.body)
}
