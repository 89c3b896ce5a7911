import { PosternError } from '../../platform/errors.ts'
import type { Secret } from '../../platform/secret.ts'

/** Calls the agent as any other program does: over HTTP with a bearer token. */
export interface ApiClient {
  call(
    method: 'GET' | 'POST' | 'PUT',
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<ApiAnswer>
}

export interface ApiAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: unknown
}

export function createApiClient(deps: {
  url: string
  token: Secret
  signal: AbortSignal
}): ApiClient {
  return {
    async call(method, path, body, headers = {}) {
      const response = await fetch(`${deps.url}/api/v1/${path}`, {
        method,
        headers: {
          authorization: `Bearer ${deps.token.reveal()}`,
          ...(body !== undefined && { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body !== undefined && { body: JSON.stringify(body) }),
        signal: deps.signal,
      })
      const answer: unknown = await response.json()
      return { status: response.status, headers: response.headers, body: answer }
    },
  }
}

/** The answer's body, or the sentence with which the agent refused. */
export function expectOk(answer: ApiAnswer): unknown {
  if (answer.status < 400) return answer.body
  const { body } = answer
  const detail =
    typeof body === 'object' && body !== null && 'detail' in body
      ? String(body.detail)
      : `The agent answered with status ${answer.status}.`
  throw new PosternError(detail, { kind: 'unavailable', code: 'sandbox_tour_failed' })
}
