import { request } from 'node:http'
import { outboxRoutes } from '../../../src/outbox/routes.ts'
import { type Answer, createCall } from '../../support/api.ts'
import { createTestServer, type TestServer } from '../../support/http.ts'
import { ALICE, createRig, LOCAL_SERVER, profileInput, type Rig } from '../profiles/harness.ts'
import { createFakeOutbox, type FakeOutbox } from './fake-outbox.ts'

export interface SendBench extends AsyncDisposable {
  readonly outbox: FakeOutbox
  readonly rig: Rig
  readonly server: TestServer
  readonly url: string
  readonly stop: AbortController
  /** As a token whose name is also its id, with the scopes that stand behind the name: `app send`. */
  call(
    method: string,
    path: string,
    body?: unknown,
    options?: { as?: string; headers?: Record<string, string> },
  ): Promise<Answer>
  /** Posts JSON and expects it to be accepted. */
  send(body: Record<string, unknown>, query?: string): Promise<Answer>
  /** Posts a finished message over a socket of its own, in the given pieces. */
  raw(query: string, pieces: Iterable<string | Buffer>): Promise<{ status: number; body: string }>
}

/** The routes over real sockets, with profiles in a real store and an outbox in memory. */
export async function createSendBench(
  options: { limitBytes?: number; subjectPrefix?: string } = {},
): Promise<SendBench> {
  const { subjectPrefix, ...limits } = options
  await using opened = new AsyncDisposableStack()
  const rig = opened.use(await createRig())
  const outbox = createFakeOutbox()
  const stop = new AbortController()
  const server = opened.use(
    createTestServer({
      authenticate: (header) => {
        const [, name = '', ...scopes] = (header ?? '').split(' ')
        return { tokenId: name, name, scopes: new Set(scopes) }
      },
      routes: [
        outboxRoutes({
          outbox,
          profiles: rig.profiles,
          audit: rig.audit,
          clock: rig.clock,
          stop: stop.signal,
          ...limits,
        }),
      ],
    }),
  )
  await rig.profiles.create(
    profileInput({ ...(subjectPrefix !== undefined && { subjectPrefix }) }),
    ALICE,
  )
  const url = await server.listen()
  const call: SendBench['call'] = async (method, path, body, { as = 'app send', headers } = {}) =>
    await createCall({ url, token: as })(method, path, body, headers)
  const held = opened.move()
  return {
    outbox,
    rig,
    server,
    url,
    stop,
    call,
    async send(body, query = '') {
      const answer = await call('POST', `messages${query}`, body)
      if (answer.status >= 300) throw new Error(`${answer.status} ${answer.text}`)
      return answer
    },
    raw: (query, pieces) =>
      new Promise((resolve, reject) => {
        const outgoing = request(`${url}/api/v1/messages${query}`, {
          method: 'POST',
          headers: { authorization: 'Bearer app send', 'content-type': 'message/rfc822' },
        })
        outgoing.once('error', reject)
        outgoing.once('response', (incoming) => {
          let body = ''
          incoming.setEncoding('utf8')
          incoming.on('data', (chunk: string) => {
            body += chunk
          })
          incoming.once('end', () => resolve({ status: incoming.statusCode ?? 0, body }))
        })
        const all = [...pieces]
        const next = () => {
          const piece = all.shift()
          if (piece === undefined) outgoing.end()
          else outgoing.write(piece, () => setImmediate(next))
        }
        next()
      }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Another profile beside `default`. */
export function otherProfile(changes: Record<string, unknown> = {}) {
  return profileInput({
    id: 'other',
    senderEmailAddress: 'other@contoso.com',
    server: LOCAL_SERVER,
    authentication: { type: 'none' },
    ...changes,
  })
}
