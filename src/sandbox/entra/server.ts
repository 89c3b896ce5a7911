import type { IncomingMessage, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import type { Logger } from '../../platform/logger.ts'
import type { ServerCertificates } from '../certificates.ts'
import { type Listener, startListener } from '../listener.ts'
import type { TenantModel } from '../model.ts'
import { readBody } from '../request-body.ts'
import type { Tenant } from '../tenant.ts'
import { type Answer, type AnswerContext, createAnswerContext, htmlAnswer } from './answers.ts'
import { answerEntra, TOKEN_PATH } from './routes.ts'

export interface EntraServer extends AsyncDisposable {
  readonly port: number
}

export interface EntraDeps {
  tenant: Tenant
  host: string
  port: number
  certificates: ServerCertificates
  /** This tenant's own address of Graph, accepted as a resource. */
  graphUrl: string
  log?: Logger | undefined
}

/** A form with a client assertion has some 3 KB. */
const BODY_LIMIT_BYTES = 64 * 1024

export async function startEntra(deps: EntraDeps): Promise<EntraServer> {
  const { tenant, certificates, log } = deps
  const server = createServer({ ...certificates.valid, minVersion: 'TLSv1.2' })
  const listener: Listener = await startListener({
    server,
    host: deps.host,
    port: deps.port,
    answer,
    log,
  })

  let shown: keyof ServerCertificates = 'valid'
  function follow({ entra }: TenantModel): void {
    listener.refuse(entra.fault === 'refuse')
    if (entra.certificate === shown) return
    shown = entra.certificate
    server.setSecureContext({ ...certificates[shown], minVersion: 'TLSv1.2' })
    server.closeIdleConnections()
  }
  follow(tenant.state())
  const unfollow = tenant.onChange(() => follow(tenant.state()))

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const origin = `https://${request.headers.host ?? `localhost:${listener.port}`}`
    const target = `https://localhost:${listener.port}${request.url ?? '/'}`
    const body = await readBody(request, BODY_LIMIT_BYTES)
    const url = URL.canParse(target) ? new URL(target) : undefined
    if (url !== undefined && TOKEN_PATH.test(url.pathname)) tenant.counters.tokenRequests++

    const model = tenant.state()
    const { fault, delayMs } = model.entra
    const requestId = headerOf(request, 'client-request-id')
    const context = createAnswerContext(model, tenant.now(), requestId)
    if (delayMs > 0) await tenant.clock.sleep(delayMs, listener.ended)
    if (fault === 'silent') return
    if (fault === 'reset') {
      listener.reset(request)
      return
    }
    if (url === undefined || !URL.canParse(origin)) {
      send(response, htmlAnswer(400, BAD_REQUEST_PAGE, context))
    } else if (body === undefined) {
      send(response, htmlAnswer(413, '<h2>Request Entity Too Large</h2>', context))
    } else {
      const result =
        faultAnswer(url, context) ??
        (await answerEntra(
          {
            method: request.method ?? 'GET',
            url,
            origin,
            contentType: headerOf(request, 'content-type') ?? '',
            authorization: headerOf(request, 'authorization'),
            body: body.toString('utf8'),
          },
          { tenant, graphUrl: deps.graphUrl, context },
        ))
      if (fault === 'halfBody') sendHalf(response, result)
      else send(response, result)
      log?.debug({ method: request.method, path: url.pathname, status: result.status }, 'answered')
    }
  }

  return {
    port: listener.port,
    async [Symbol.asyncDispose]() {
      unfollow()
      await listener[Symbol.asyncDispose]()
    },
  }
}

const BAD_REQUEST_PAGE = '<h2>Bad Request - Invalid Hostname</h2>'

const BAD_GATEWAY_PAGE = `<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">
<html xmlns="http://www.w3.org/1999/xhtml"><head><title>502 - Web server received an invalid response while acting as a gateway or proxy server.</title></head>
<body><h1>Server Error</h1><h2>502 - Web server received an invalid response while acting as a gateway or proxy server.</h2></body></html>`

const LOGIN_PAGE = `<!DOCTYPE html><html><head><title>Network login</title></head>
<body><h1>Welcome to the guest network</h1><form method="post" action="/login">Accept the terms to go on.</form></body></html>`

/** Faults that answer instead of the service. */
function faultAnswer(url: URL, context: AnswerContext): Answer | undefined {
  const { fault } = context.model.entra
  if (fault === 'html') return htmlAnswer(502, BAD_GATEWAY_PAGE, context)
  if (fault === 'loginPage') return htmlAnswer(200, LOGIN_PAGE, context)
  if (fault !== 'redirect') return undefined
  const answer = htmlAnswer(302, '<h2>Object moved</h2>', context)
  const location = `https://signin.proxy.example${url.pathname}`
  return { ...answer, headers: { ...answer.headers, Location: location } }
}

function send(response: ServerResponse, answer: Answer): void {
  const length = String(Buffer.byteLength(answer.body))
  response.writeHead(answer.status, { ...answer.headers, 'Content-Length': length })
  response.end(answer.body)
}

/** 200 and the announced length, but the connection ends in the middle. */
function sendHalf(response: ServerResponse, answer: Answer): void {
  const bytes = Buffer.from(answer.body)
  response.writeHead(200, { ...answer.headers, 'Content-Length': String(bytes.length) })
  response.write(bytes.subarray(0, Math.floor(bytes.length / 2)), () => response.destroy())
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}
