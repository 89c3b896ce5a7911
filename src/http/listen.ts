import { codeOf, PosternError } from '../platform/errors.ts'
import type { HttpServer } from './server.ts'

/** Resolves with the address. Throws port_unavailable. */
export async function listen(
  http: HttpServer,
  where: { host: string; port: number },
): Promise<string> {
  try {
    return await http.listen({ host: where.host, port: where.port })
  } catch (cause) {
    const code = codeOf(cause)
    const why = new Map([
      ['EADDRINUSE', 'another program uses it'],
      ['EACCES', 'this user may not'],
      ['EADDRNOTAVAIL', 'this machine has no such address'],
      ['ENOTFOUND', 'there is no such name'],
      ['EAI_AGAIN', 'the name cannot be resolved'],
    ]).get(code ?? '')
    if (why === undefined) throw cause
    throw new PosternError(
      `Postern cannot listen on ${where.host}:${where.port}: ${why}. Choose another POSTERN_HTTP_PORT or POSTERN_HTTP_HOST.`,
      { kind: 'invalid', code: 'port_unavailable', cause },
    )
  }
}
