import { describe, expect, it } from 'vitest'
import { outboxRoutes } from '../../../src/outbox/index.ts'
import { composeFailureDigest } from '../../../src/outbox/notify/failure-digest.ts'
import { diagnosisContext } from '../../../src/verification/index.ts'
import { createCall } from '../../support/api.ts'
import { createTestServer } from '../../support/http.ts'
import { OK, startBench } from './delivery/bench.ts'

/** The routes over the real outbox and its store, with a scripted server at the end. */
async function start() {
  await using opened = new AsyncDisposableStack()
  const bench = opened.use(await startBench())
  const audited: string[] = []
  const server = opened.use(
    createTestServer({
      authenticate: (header) => {
        const [, name = '', ...scopes] = (header ?? '').split(' ')
        return { tokenId: name, name, scopes: new Set(scopes) }
      },
      routes: [
        outboxRoutes({
          ...bench,
          audit: { record: async ({ action }) => void audited.push(action) },
        }),
      ],
    }),
  )
  const url = await server.listen()
  const held = opened.move()
  return {
    bench,
    audited,
    app: createCall({ url, token: 'app send' }),
    other: createCall({ url, token: 'second send' }),
    operator: createCall({ url, token: 'boss operator send monitor' }),
    raw: async (query: string, body: Buffer) =>
      await fetch(`${url}/api/v1/messages${query}`, {
        method: 'POST',
        headers: { authorization: 'Bearer app send', 'content-type': 'message/rfc822' },
        body: new Uint8Array(body),
      }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

const MAIL = { to: ['ann@fabrikam.com', 'bob@fabrikam.com'], subject: 'Hi', text: 'x' }

describe('The messages’ routes over the real outbox', () => {
  it('tell the outcome to who waits, and everything to who asks later', async () => {
    await using rig = await start()
    const { bench, app } = rig
    bench.server.answers = [{ rcpt: { 'bob@fabrikam.com': '550 5.1.1 nobody' }, reply: OK }]
    const waiting = app('POST', 'messages?wait=30s', MAIL)
    await expect.poll(() => bench.outbox.queueOf('default').queued).toBe(1)
    bench.outbox.start()
    const { status, body } = await waiting
    expect(status).toBe(200)
    expect(body).toMatchObject({ state: 'failed', reply: expect.any(String) })
    expect(body.detail).toContain(body.diagnosis.summary)
    const detail = await app('GET', `messages/${body.id}`)
    expect(detail.body).toMatchObject({
      state: 'failed',
      attempts: 1,
      recipients: [
        { address: 'ann@fabrikam.com', state: 'delivered' },
        { address: 'bob@fabrikam.com', state: 'failed', reply: '550 5.1.1 nobody' },
      ],
      attemptList: [{ number: 1, outcome: expect.any(String), server: expect.any(String) }],
    })
    const again = await rig.operator('POST', `messages/${body.id}/retry`)
    expect(again.status).toBe(200)
    await bench.outbox.idle()
    expect((await app('GET', `messages/${body.id}`)).body.state).toBe('delivered')
    const done = await rig.operator('POST', `messages/${body.id}/retry`)
    expect([done.status, done.body.code]).toEqual([409, 'message_delivered'])
    expect(rig.audited).toEqual(['message.retried'])
  })

  it('hold, show the hold as the state, and release', async () => {
    await using rig = await start()
    const { bench, app, operator } = rig
    bench.server.otherwiseOpening = { auth: '535 5.7.3 Authentication unsuccessful' }
    bench.outbox.start()
    const first = await app('POST', 'messages?wait=30s', MAIL)
    expect([first.status, first.body.state]).toEqual([202, 'held'])
    expect(first.body.detail).toContain(first.body.diagnosis.summary)
    const second = await app('POST', 'messages?wait=30s', MAIL)
    expect([second.status, second.body.state]).toEqual([202, 'held'])
    const list = await operator('GET', 'messages?state=held')
    expect(list.body.messages).toHaveLength(2)
    bench.server.otherwiseOpening = 'ok'
    const released = await operator('POST', 'messages/release', { profile: 'default' })
    expect(released.body).toEqual({ released: 2 })
    await bench.pass(600_000, 60_000)
    const after = await operator('GET', 'messages?state=delivered')
    expect(after.body.messages).toHaveLength(2)
  })

  it('accept once for one key, list own messages page by page, and cancel', async () => {
    await using rig = await start()
    const { app, other } = rig
    const key = { 'idempotency-key': 'k' }
    const first = await app('POST', 'messages', MAIL, key)
    const again = await app('POST', 'messages', MAIL, key)
    expect(again.body).toMatchObject({ id: first.body.id, duplicate: true })
    expect(again.body.messageId).toBe(first.body.messageId)
    const reused = await app('POST', 'messages', { ...MAIL, text: 'y' }, key)
    expect([reused.status, reused.body.code]).toEqual([409, 'idempotency_key_reused'])
    await other('POST', 'messages', MAIL, key)
    for (let i = 0; i < 4; i++) await app('POST', 'messages', MAIL)
    const seen: string[] = []
    for (let cursor = ''; ; ) {
      const { body } = await app('GET', `messages?limit=2${cursor}`)
      seen.push(...body.messages.map(({ id }: { id: string }) => id))
      if (body.nextCursor === null) break
      cursor = `&cursor=${encodeURIComponent(body.nextCursor)}`
    }
    expect(new Set(seen).size).toBe(5)
    expect(seen).toHaveLength(5)
    const wrong = await app('GET', 'messages?cursor=nonsense')
    expect([wrong.status, wrong.body.code]).toEqual([400, 'cursor_invalid'])
    const { id } = first.body
    expect((await other('POST', `messages/${id}/cancel`)).status).toBe(404)
    expect((await app('POST', `messages/${id}/cancel`)).body.state).toBe('cancelled')
    const twice = await app('POST', `messages/${id}/cancel`)
    expect([twice.status, twice.body.code]).toEqual([409, 'message_finished'])
  })

  it('list the failed messages of a profile by the address in the report of failures', async () => {
    await using rig = await start()
    const { bench, app, operator } = rig
    bench.server.answers = [OK, '550 5.1.1 nobody', '550 5.1.1 nobody']
    bench.outbox.start()
    const ids: string[] = []
    for (let n = 0; n < 3; n++) {
      ids.push((await app('POST', 'messages', MAIL)).body.id)
      await bench.outbox.idle()
    }
    const failed = ids.slice(1)
    const profile = bench.profiles.get('default')
    const { text } = composeFailureDigest({
      profile,
      errorEmailAddress: 'it@contoso.com',
      told: (await bench.store.failures(failed)).slice(0, 1),
      count: failed.length,
      hasMore: false,
      context: diagnosisContext(profile, { now: bench.clock.now() }),
      publicUrl: null,
      version: '1.2.3',
      id: 'r1',
      now: bench.clock.now(),
    })
    const [, path = ''] = /GET \/api\/v1\/(\S+) lists them/.exec(text) ?? []
    const { status, body } = await operator('GET', path)
    expect(status).toBe(200)
    expect(body.messages.map(({ id }: { id: string }) => id).sort()).toEqual(failed.sort())
  })

  it('give back the bytes of a large message as they came', async () => {
    await using rig = await start()
    const header =
      'From: alerts@contoso.com\r\nDate: x\r\nMessage-ID: <1@x.example>\r\nSubject: [Process] x\r\n\r\n'
    const line = `${'abcdefghi '.repeat(7)}\r\n`
    const bytes = Buffer.from(header + line.repeat(40_000))
    const accepted = await rig.raw('?to=ann@fabrikam.com', bytes)
    expect(accepted.status).toBe(202)
    const { id } = Object(await accepted.json())
    const { text } = await rig.operator('GET', `messages/${id}/body`)
    expect(text.length).toBe(bytes.length)
    expect(Buffer.from(text).equals(bytes)).toBe(true)
    const missing = await rig.operator('GET', 'messages/none/body')
    expect([missing.status, missing.body.code]).toEqual([404, 'message_not_found'])
  })
})
