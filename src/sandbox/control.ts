import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { type ErrorKind, messageOf, PosternError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { startListener } from './listener.ts'
import { readBody } from './request-body.ts'
import type { Tenant } from './tenant.ts'

export interface ControlServer extends AsyncDisposable {
  /** `http://127.0.0.1:port` */
  readonly url: string
}

export interface ControlDeps {
  tenant: Tenant
  host: string
  port: number
  log?: Logger | undefined
}

/** A thousand applications in one patch have about half a megabyte. */
const BODY_LIMIT_BYTES = 8 * 1024 * 1024

const STATUS = {
  invalid: 400,
  unauthenticated: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  precondition_failed: 412,
  too_large: 413,
  rate_limited: 429,
  unavailable: 503,
  internal: 500,
} as const satisfies Record<ErrorKind, number>

interface ControlAnswer {
  status: number
  contentType?: string
  body?: string | Buffer
}

/** The tenant's control: reads the inbox and the counters, changes the state, rehearses failures. For programs on this machine. */
export async function startControl(deps: ControlDeps): Promise<ControlServer> {
  const { log } = deps
  const server = createServer()
  const listener = await startListener({ server, host: deps.host, port: deps.port, answer, log })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const result = await route(request, deps.tenant).catch((error: unknown) => {
      if (!(error instanceof PosternError)) log?.error({ err: error }, messageOf(error))
      return problem(error)
    })
    const body = result.body ?? ''
    response.writeHead(result.status, {
      ...(result.contentType !== undefined && { 'Content-Type': result.contentType }),
      'Content-Length': String(Buffer.byteLength(body)),
      'Cache-Control': 'no-store',
      'X-Content-Type-Options': 'nosniff',
    })
    response.end(body)
  }

  return {
    url: `http://127.0.0.1:${listener.port}`,
    [Symbol.asyncDispose]: () => listener[Symbol.asyncDispose](),
  }
}

async function route(request: IncomingMessage, tenant: Tenant): Promise<ControlAnswer> {
  requireLocalCaller(request)
  const { method = 'GET' } = request
  const path = (request.url ?? '/').replace(/\?.*$/, '')
  const raw = /^\/inbox\/([^/]+)\/raw$/.exec(path)?.[1]
  if (method === 'GET' && raw !== undefined) return rawMessage(raw, tenant)
  const rehearsal = /^\/rehearsals\/(\w+)$/.exec(path)?.[1]
  if (method === 'POST' && rehearsal !== undefined) return json(tenant.rehearse(rehearsal))
  switch (`${method} ${path}`) {
    case 'GET /inbox':
      return json(tenant.inbox.list())
    case 'DELETE /inbox':
      tenant.inbox.clear()
      return { status: 204 }
    case 'GET /state':
      return json(tenant.state())
    case 'PUT /state':
      return json(tenant.patch(await readJson(request)))
    case 'POST /reset':
      tenant.reset()
      return json(tenant.state())
    case 'GET /rehearsals':
      return json(tenant.rehearsals())
    case 'DELETE /rehearsals':
      return json(tenant.restore())
    case 'GET /counters':
      return json(tenant.counters)
    default:
      throw new PosternError(
        `The control has no ${method} ${path}. Use GET /inbox, GET /inbox/{id}/raw, DELETE /inbox, GET /state, PUT /state, POST /reset, GET /rehearsals, POST /rehearsals/{code}, DELETE /rehearsals or GET /counters.`,
        { kind: 'not_found', code: 'sandbox_route_unknown' },
      )
  }
}

/**
 * Without a password, only programs on this machine may call. A web page cannot: its name in Host (also after DNS
 * rebinding) or in Origin is not this machine's.
 */
function requireLocalCaller(request: IncomingMessage): void {
  const { host = '', origin } = request.headers
  if (isLoopback(`http://${host}`) && (origin === undefined || isLoopback(origin))) return
  throw new PosternError(
    'The control answers only to programs on this machine. Call it as localhost or 127.0.0.1, and not from a web page.',
    { kind: 'forbidden', code: 'sandbox_caller_refused' },
  )
}

function isLoopback(url: string): boolean {
  const hostName = URL.canParse(url) ? new URL(url).hostname : ''
  return ['localhost', '127.0.0.1', '[::1]'].includes(hostName)
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const body = await readBody(request, BODY_LIMIT_BYTES)
  if (body === undefined) {
    throw new PosternError('The body is larger than 8 MB. Send the change in smaller parts.', {
      kind: 'too_large',
      code: 'sandbox_body_too_large',
    })
  }
  try {
    return JSON.parse(body.toString('utf8'))
  } catch (error) {
    throw new PosternError(
      `The body is not JSON (${messageOf(error)}). Send a merge patch (RFC 7396) such as {"entra":{"fault":"none"}}.`,
      { kind: 'invalid', code: 'sandbox_body_not_json', cause: error },
    )
  }
}

function rawMessage(id: string, tenant: Tenant): ControlAnswer {
  const message = tenant.inbox.list().find((candidate) => candidate.id === id)
  if (message === undefined) {
    throw new PosternError('The inbox has no message with this id. Read GET /inbox for the ids.', {
      kind: 'not_found',
      code: 'sandbox_message_unknown',
    })
  }
  return {
    status: 200,
    contentType: 'message/rfc822',
    body: Buffer.from(message.raw, 'latin1'),
  }
}

function json(value: unknown): ControlAnswer {
  return { status: 200, contentType: 'application/json', body: `${JSON.stringify(value)}\n` }
}

/** RFC 9457. */
function problem(error: unknown): ControlAnswer {
  const known =
    error instanceof PosternError
      ? error
      : new PosternError('The control failed. Look into the log of the sandbox.', {
          kind: 'internal',
          code: 'internal',
        })
  const status = STATUS[known.kind]
  const body = {
    type: 'about:blank',
    title: known.kind.replaceAll('_', ' '),
    status,
    detail: known.message,
    code: known.code,
    ...(known.problems.length > 0 && { problems: known.problems }),
  }
  return { status, contentType: 'application/problem+json', body: `${JSON.stringify(body)}\n` }
}
