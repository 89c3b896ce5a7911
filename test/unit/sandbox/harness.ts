import { Agent, request } from 'undici'
import { type SandboxTenant, startSandboxTenant } from '../../../src/sandbox/index.ts'
import { createFakeClock, type FakeClock } from '../../support/clock.ts'

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  text: string
  json(): Record<string, unknown>
}

export interface CallOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE' | 'PATCH'
  headers?: Record<string, string>
  body?: string
}

export interface TestTenant extends AsyncDisposable {
  sandbox: SandboxTenant
  clock: FakeClock
  call(url: string, options?: CallOptions): Promise<Answer>
  /** A client credentials request; the good one, with `changes` (undefined removes a field). */
  requestToken(changes?: Record<string, string | undefined>, tenant?: string): Promise<Answer>
  /** A token of the good application for Graph. */
  graphToken(): Promise<string>
}

/** The simulated tenant on a fake clock, with a client that trusts its CA. */
export async function startTestTenant(seed?: unknown): Promise<TestTenant> {
  const clock = createFakeClock()
  const sandbox = await startSandboxTenant({ clock, seed })
  // No keep-alive: a pooled connection would meet a fault's closed socket before the closed port.
  const dispatcher = new Agent({ connect: { ca: sandbox.caPem }, pipelining: 0 })

  async function call(url: string, options: CallOptions = {}): Promise<Answer> {
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      method: options.method ?? 'GET',
      headers: options.headers ?? {},
      body: options.body ?? null,
    })
    const text = await body.text()
    return { status: statusCode, headers, text, json: () => JSON.parse(text) }
  }

  async function requestToken(
    changes: Record<string, string | undefined> = {},
    tenant = sandbox.tenantId,
  ): Promise<Answer> {
    const fields: Record<string, string | undefined> = {
      grant_type: 'client_credentials',
      client_id: sandbox.clientId,
      client_secret: sandbox.clientSecret,
      scope: sandbox.exchangeScope,
      ...changes,
    }
    const form = new URLSearchParams()
    for (const [name, value] of Object.entries(fields)) {
      if (value !== undefined) form.set(name, value)
    }
    return call(`${sandbox.authority}/${encodeURIComponent(tenant)}/oauth2/v2.0/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form.toString(),
    })
  }

  return {
    sandbox,
    clock,
    call,
    requestToken,
    async graphToken() {
      const answer = await requestToken({ scope: 'https://graph.microsoft.com/.default' })
      return String(answer.json()['access_token'])
    },
    async [Symbol.asyncDispose]() {
      await dispatcher.destroy()
      await sandbox[Symbol.asyncDispose]()
    },
  }
}
