export interface Answer {
  readonly status: number
  readonly headers: Headers
  // biome-ignore lint/suspicious/noExplicitAny: tests read into answers whose shape other tests prove
  readonly body: any
  readonly text: string
}

/** Calls the agent over HTTP. A path without a leading slash is below /api/v1; a string as body is sent as it is. */
export type Call = (
  method: string,
  path: string,
  body?: unknown,
  headers?: Record<string, string>,
) => Promise<Answer>

export function createCall(options: { url: string; token: string }): Call {
  const { url, token } = options
  return async (method, path, body, headers = {}) => {
    const response = await fetch(path.startsWith('/') ? `${url}${path}` : `${url}/api/v1/${path}`, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body !== undefined && { 'content-type': 'application/json' }),
        ...headers,
      },
      redirect: 'manual',
      ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
    })
    const text = await response.text()
    const isJson = /json/.test(response.headers.get('content-type') ?? '')
    return {
      status: response.status,
      headers: response.headers,
      text,
      body: isJson && text !== '' ? JSON.parse(text) : undefined,
    }
  }
}
