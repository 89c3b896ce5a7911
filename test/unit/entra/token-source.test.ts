import { describe, expect, test } from 'vitest'
import type { TokenOutcome } from '../../../src/entra/index.ts'
import { clientSecret, issued, refusal, SECRET, startEntra } from './fixtures.ts'

const MINUTE = 60_000

function tokenOf(outcome: TokenOutcome): string {
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure))
  return outcome.value.value.reveal()
}

describe('a token', () => {
  test('is asked for once and then served from memory', async () => {
    await using entra = await startEntra({ answers: [issued()] })
    const first = await entra.source.acquire(entra.request)
    const second = await entra.source.acquire(entra.request)
    expect(tokenOf(second)).toBe(tokenOf(first))
    expect(first.trace).toMatchObject({
      fromCache: false,
      connection: { reused: false, address: '127.0.0.1', tlsProtocol: 'TLSv1.3', proxied: false },
    })
    expect(second.trace).toEqual({ fromCache: true, requestMs: 0, connection: null })
    expect(first).toMatchObject({
      value: {
        obtainedAt: entra.clock.now(),
        expiresAt: entra.clock.now() + 60 * MINUTE,
        claims: { aud: 'https://outlook.office365.com', roles: ['SMTP.SendAsApp'] },
      },
    })
  })

  test('is asked for with one form POST to the tenant’s endpoint, without discovery', async () => {
    await using entra = await startEntra({ answers: [issued()] })
    await entra.source.acquire(entra.request)
    const [post] = entra.server.requests
    expect(post?.method).toBe('POST')
    expect(post?.path).toMatch(new RegExp(`^/${entra.request.tenantId}/oauth2/v2\\.0/token`))
    expect(post?.headers['content-type']).toMatch(/^application\/x-www-form-urlencoded/)
    const form = new URLSearchParams(post?.body)
    expect(form.get('grant_type')).toBe('client_credentials')
    expect(form.get('client_id')).toBe(entra.request.clientId)
    expect(form.get('client_secret')).toBe(SECRET)
    expect(form.get('scope')).toContain('https://outlook.office365.com/.default')
  })

  test('is shared by five callers at once: one POST', async () => {
    await using entra = await startEntra({ answers: [{ hold: issued() }] })
    const callers = Array.from({ length: 5 }, () => entra.source.acquire(entra.request))
    await entra.server.untilRequests(1)
    entra.server.release()
    const tokens = new Set((await Promise.all(callers)).map(tokenOf))
    expect(tokens.size).toBe(1)
    expect(entra.server.requests).toHaveLength(1)
  })

  test('survives that one of those who wait for it gives up', async () => {
    await using entra = await startEntra({ answers: [{ hold: issued() }] })
    const controller = new AbortController()
    const reason = new Error('gone')
    const leaving = entra.source.acquire(entra.request, { signal: controller.signal })
    const staying = entra.source.acquire(entra.request)
    await entra.server.untilRequests(1)
    controller.abort(reason)
    await expect(leaving).rejects.toBe(reason)
    entra.server.release()
    expect((await staying).ok).toBe(true)
  })

  test('is renewed at 80 % of its life, not before', async () => {
    await using entra = await startEntra({ answers: [issued(), issued('1000'), issued()] })
    const first = tokenOf(await entra.source.acquire(entra.request))
    await entra.clock.advance(48 * MINUTE - 1)
    expect(tokenOf(await entra.source.acquire(entra.request))).toBe(first)
    await entra.clock.advance(1)
    const second = tokenOf(await entra.source.acquire(entra.request))
    expect(second).not.toBe(first)
    // The next one has another lifetime: 1,000 s.
    await entra.clock.advance(799_000)
    expect(tokenOf(await entra.source.acquire(entra.request))).toBe(second)
    await entra.clock.advance(1_000)
    expect(tokenOf(await entra.source.acquire(entra.request))).not.toBe(second)
  })

  test('is served on while its renewal fails, until a minute before its end', async () => {
    const refused = refusal(7000222)
    // A kept connection that breaks is tried once more on a new one.
    const broken = ['reset', 'reset'] as const
    await using entra = await startEntra({ answers: [issued(), ...broken, refused, refused] })
    const first = tokenOf(await entra.source.acquire(entra.request))
    // The fake clock lets pending work run: the connection is idle when the renewal begins.
    await entra.clock.advance(50 * MINUTE)
    expect(tokenOf(await entra.source.acquire(entra.request))).toBe(first)
    // A failed renewal is not tried again at once.
    expect(tokenOf(await entra.source.acquire(entra.request))).toBe(first)
    expect(entra.server.requests).toHaveLength(3)
    await entra.clock.advance(MINUTE)
    expect(tokenOf(await entra.source.acquire(entra.request))).toBe(first)
    await entra.clock.advance(8 * MINUTE)
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      ok: false,
      failure: { codes: [7000222] },
    })
  })

  test('is asked for anew when the caller wants a fresh one', async () => {
    await using entra = await startEntra({ answers: [issued(), issued(), refusal(7000215)] })
    const first = tokenOf(await entra.source.acquire(entra.request))
    const second = tokenOf(await entra.source.acquire(entra.request, { fresh: true }))
    expect(second).not.toBe(first)
    expect(tokenOf(await entra.source.acquire(entra.request))).toBe(second)
    // What Entra says now is told, although an older token is still good.
    expect((await entra.source.acquire(entra.request, { fresh: true })).ok).toBe(false)
  })

  test('does not outlive its lifetime when the clock is set back', async () => {
    await using entra = await startEntra({ answers: [issued(), issued(), issued()] })
    const first = tokenOf(await entra.source.acquire(entra.request))
    // 50 minutes pass, of which the clock is set back 45.
    entra.passUnseen(50 * MINUTE)
    await entra.clock.advance(5 * MINUTE)
    const second = tokenOf(await entra.source.acquire(entra.request))
    expect(second).not.toBe(first)
    // Set back to before the token was obtained.
    entra.clock.set(entra.clock.now() - 24 * 60 * MINUTE)
    expect(tokenOf(await entra.source.acquire(entra.request))).not.toBe(second)
  })

  test('belongs to its secret, tenant and scope', async () => {
    await using entra = await startEntra({ answers: [issued(), issued(), issued(), issued()] })
    const { cloud } = entra.request
    const requests = [
      entra.request,
      { ...entra.request, credential: clientSecret('another-secret') },
      { ...entra.request, tenantId: 'contoso.onmicrosoft.com' },
      { ...entra.request, cloud: { ...cloud, scope: 'https://outlook.office365.us/.default' } },
    ]
    const tokens = new Set<string>()
    for (const request of requests) tokens.add(tokenOf(await entra.source.acquire(request)))
    expect(tokens.size).toBe(4)
    for (const request of requests) tokens.add(tokenOf(await entra.source.acquire(request)))
    expect(tokens.size).toBe(4)
  })

  test('of a dropped application is forgotten, also one that is still on its way', async () => {
    await using entra = await startEntra({ answers: [{ hold: issued() }, issued()] })
    const { tenantId, clientId } = entra.request
    const before = entra.source.acquire(entra.request)
    await entra.server.untilRequests(1)
    entra.source.drop(tenantId, clientId)
    const after = entra.source.acquire(entra.request)
    entra.server.release()
    expect(tokenOf(await after)).not.toBe(tokenOf(await before))
    expect(tokenOf(await entra.source.acquire(entra.request))).toBe(tokenOf(await after))
  })
})

test('an application has one request under way, whatever its secrets', async () => {
  await using entra = await startEntra({ answers: [{ hold: issued() }, issued()] })
  const other = { ...entra.request, credential: clientSecret('another-secret') }
  const first = entra.source.acquire(entra.request)
  const second = entra.source.acquire(other)
  await entra.server.untilRequests(1)
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve))
  expect(entra.server.requests).toHaveLength(1)
  entra.server.release()
  expect((await first).ok && (await second).ok).toBe(true)
})

describe('after a refusal', () => {
  test('the application is left alone for 30 s and hears the refusal again', async () => {
    await using entra = await startEntra({ answers: [refusal(7000215), issued()] })
    const first = await entra.source.acquire(entra.request)
    expect(first).toMatchObject({ ok: false, failure: { retryAfterMs: null } })
    await entra.clock.advance(12_000)
    const again = await entra.source.acquire(entra.request, { fresh: true })
    expect(again).toMatchObject({
      ok: false,
      failure: { codes: [7000215], retryAfterMs: 18_000 },
      trace: { fromCache: true },
    })
    await entra.clock.advance(18_000)
    expect((await entra.source.acquire(entra.request)).ok).toBe(true)
  })

  test('a patient caller waits for the end of the cool-down', async () => {
    await using entra = await startEntra({ answers: [refusal(7000215), issued()] })
    await entra.source.acquire(entra.request)
    const patient = entra.source.acquire(entra.request, { patient: true })
    await entra.clock.untilSleeping()
    await entra.clock.advance(29_999)
    expect(entra.server.requests).toHaveLength(1)
    await entra.clock.advance(1)
    expect((await patient).ok).toBe(true)
  })

  test('nobody waits for a long cool-down', async () => {
    const busy = { ...refusal(90055, { status: 429 }), headers: { 'retry-after': '31' } }
    await using entra = await startEntra({ answers: [busy] })
    await entra.source.acquire(entra.request)
    const patient = await entra.source.acquire(entra.request, { patient: true })
    expect(patient).toMatchObject({ ok: false, failure: { retryAfterMs: 31_000 } })
  })

  test('another secret of the application keeps the distance, and is not refused itself', async () => {
    await using entra = await startEntra({ answers: [refusal(7000215), issued()] })
    await entra.source.acquire(entra.request)
    const other = { ...entra.request, credential: clientSecret('another-secret') }
    const outcome = entra.source.acquire(other)
    await entra.clock.untilSleeping()
    await entra.clock.advance(29_999)
    expect(entra.server.requests).toHaveLength(1)
    await entra.clock.advance(1)
    expect((await outcome).ok).toBe(true)
  })

  test('several credentials of the application take turns, 30 s apart, until none is refused', async () => {
    const wrong = () => refusal(7000215)
    const answers = [issued(), wrong(), issued(), wrong(), issued(), issued(), issued()]
    await using entra = await startEntra({ answers })
    const { clock, source, server, request } = entra
    const other = { ...request, credential: clientSecret('another-secret') }
    const graph = { ...request, resource: 'graph' } as const
    expect((await source.acquire(request)).ok).toBe(true)
    expect((await source.acquire(other)).ok).toBe(false)
    const waiting = [
      source.acquire(request, { fresh: true }),
      source.acquire(other, { patient: true }),
      source.acquire(graph),
    ]
    for (const count of [2, 3, 4]) {
      expect(server.requests).toHaveLength(count)
      await clock.untilSleeping()
      await clock.advance(30_000)
      await server.untilRequests(count + 1)
      await clock.advance(0)
    }
    expect((await Promise.all(waiting)).map(({ ok }) => ok)).toEqual([true, false, true])
    // It works now: nobody has to wait for it any more.
    await clock.advance(30_000)
    expect((await source.acquire(other)).ok).toBe(true)
    expect((await source.acquire(request, { fresh: true })).ok).toBe(true)
    expect(server.requests).toHaveLength(7)
  })

  test('a remembered token is served meanwhile', async () => {
    await using entra = await startEntra({ answers: [issued(), refusal(7000215)] })
    await entra.source.acquire(entra.request)
    await entra.clock.advance(2_900_000)
    await entra.source.acquire({ ...entra.request, credential: clientSecret('another-secret') })
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      ok: true,
      trace: { fromCache: true },
    })
    expect(entra.server.requests).toHaveLength(2)
  })

  test('what Entra says of a secret holds for every resource', async () => {
    await using entra = await startEntra({ answers: [refusal(7000215)] })
    await entra.source.acquire({ ...entra.request, resource: 'graph' })
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      failure: { codes: [7000215], retryAfterMs: 30_000 },
      trace: { fromCache: true },
    })
  })

  test('a pause that Entra asks for holds for who was already waiting for the turn', async () => {
    const busy = { ...refusal(90055, { status: 429 }), headers: { 'retry-after': '300' } }
    await using entra = await startEntra({ answers: [busy] })
    const other = { ...entra.request, credential: clientSecret('another-secret') }
    const outcomes = [entra.source.acquire(entra.request), entra.source.acquire(other)]
    for (const { ok } of await Promise.all(outcomes)) expect(ok).toBe(false)
    expect(entra.server.requests).toHaveLength(1)
  })

  test('dropping the application keeps the distance while another credential of it works', async () => {
    await using entra = await startEntra({ answers: [issued(), refusal(7000215), issued()] })
    await entra.source.acquire(entra.request)
    await entra.source.acquire({ ...entra.request, credential: clientSecret('another-secret') })
    entra.source.drop(entra.request.tenantId, entra.request.clientId)
    const outcome = entra.source.acquire(entra.request)
    await entra.clock.untilSleeping()
    await entra.clock.advance(30_000)
    expect((await outcome).ok).toBe(true)
  })

  test('dropping the application forgets its refusal, and keeps the distance', async () => {
    await using entra = await startEntra({ answers: [refusal(7000215), issued()] })
    await entra.source.acquire(entra.request)
    entra.source.drop(entra.request.tenantId.toUpperCase(), entra.request.clientId)
    const outcome = entra.source.acquire(entra.request)
    await entra.clock.untilSleeping()
    await entra.clock.advance(29_999)
    expect(entra.server.requests).toHaveLength(1)
    await entra.clock.advance(1)
    expect((await outcome).ok).toBe(true)
  })

  test('a refusal that comes after the application was dropped counts', async () => {
    const answers = [{ hold: refusal(7000215) }, issued()]
    await using entra = await startEntra({ answers })
    const before = entra.source.acquire(entra.request)
    await entra.server.untilRequests(1)
    entra.source.drop(entra.request.tenantId, entra.request.clientId)
    entra.server.release()
    expect((await before).ok).toBe(false)
    const after = entra.source.acquire(entra.request)
    await entra.clock.untilSleeping()
    await entra.clock.advance(29_999)
    expect(entra.server.requests).toHaveLength(1)
    await entra.clock.advance(1)
    expect((await after).ok).toBe(true)
  })

  test('a corrected credential that is accepted ends the distance', async () => {
    const answers = [refusal(7000215), issued(), issued()]
    await using entra = await startEntra({ answers })
    const corrected = { ...entra.request, credential: clientSecret('the-right-secret') }
    await entra.source.acquire(entra.request)
    entra.source.drop(entra.request.tenantId, entra.request.clientId)
    const outcome = entra.source.acquire(corrected)
    await entra.clock.untilSleeping()
    await entra.clock.advance(30_000)
    expect((await outcome).ok).toBe(true)
    expect((await entra.source.acquire(corrected, { fresh: true })).trace.fromCache).toBe(false)
  })

  test('a credential that Entra has accepted before goes first, though it came last', async () => {
    const wrong = () => refusal(7000215)
    const answers = [issued(), wrong(), issued(), wrong(), wrong()]
    await using entra = await startEntra({ answers })
    const { clock, source, request } = entra
    const other = (value: string) => ({ ...request, credential: clientSecret(value) })
    await source.acquire(request)
    await source.acquire(other('bad-1'))
    const ended: string[] = []
    const asking = [
      source.acquire(other('bad-2')).then(() => ended.push('bad-2')),
      source.acquire(other('bad-3')).then(() => ended.push('bad-3')),
      source.acquire(request, { fresh: true }).then(({ ok }) => ended.push(`good ${ok}`)),
    ]
    for (let turn = 1; turn <= 3; turn++) {
      await clock.untilSleeping()
      await clock.advance(30_000)
      await entra.server.untilRequests(2 + turn)
      await clock.advance(0)
    }
    await Promise.all(asking)
    expect(ended).toEqual(['good true', 'bad-2', 'bad-3'])
  })

  test('a remembered token is served while others make it wait, unless its own was refused', async () => {
    const answers = [issued(), issued(), refusal(7000215), refusal(7000222)]
    await using entra = await startEntra({ answers })
    const { clock, source, request } = entra
    await source.acquire(request)
    const asked = await source.acquire(request, { fresh: 'unlessPaced' })
    expect(asked).toMatchObject({ ok: true, trace: { fromCache: false } })
    await source.acquire({ ...request, credential: clientSecret('another-secret') })
    const paced = await source.acquire(request, { fresh: 'unlessPaced' })
    expect(paced).toMatchObject({ ok: true, trace: { fromCache: true } })
    await clock.advance(30_000)
    const refused = { ok: false, failure: { codes: [7000222] } }
    expect(await source.acquire(request, { fresh: 'unlessPaced' })).toMatchObject(refused)
    expect(await source.acquire(request, { fresh: 'unlessPaced' })).toMatchObject(refused)
    expect(entra.server.requests).toHaveLength(4)
  })

  test('whoever does not wait hears its own refusal again while others have their turns', async () => {
    const answers = [refusal(7000215), refusal(7000222)]
    await using entra = await startEntra({ answers })
    const other = { ...entra.request, credential: clientSecret('another-secret') }
    await entra.source.acquire(entra.request)
    await entra.clock.advance(30_000)
    await entra.source.acquire(other)
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      failure: { codes: [7000215], retryAfterMs: 30_000 },
      trace: { fromCache: true },
    })
  })

  test('a turn that does not come within five minutes is told as that, and each wait is announced', async () => {
    const answers = Array.from({ length: 11 }, () => refusal(7000215))
    await using entra = await startEntra({ answers })
    const { clock, source, request } = entra
    let waits = 0
    const onWait = () => {
      waits++
      return () => void waits--
    }
    const asking = Array.from({ length: 14 }, (_, i) =>
      source.acquire({ ...request, credential: clientSecret(`bad-${i}`) }, { onWait }),
    )
    await entra.server.untilRequests(1)
    await clock.advance(0)
    expect(waits).toBe(13)
    for (let turn = 2; turn <= 11; turn++) {
      await clock.untilSleeping()
      await clock.advance(30_000)
      await entra.server.untilRequests(turn)
    }
    const outcomes = await Promise.all(asking)
    expect(waits).toBe(0)
    expect(outcomes.at(-1)).toMatchObject({
      ok: false,
      failure: {
        source: 'transport',
        code: 'ENOTASKED',
        message: expect.stringContaining('other credentials'),
      },
    })
    expect(entra.server.requests).toHaveLength(11)
  })

  test('one who gives up leaves the line, and nobody is asked about', async () => {
    await using entra = await startEntra({ answers: [refusal(7000215), issued()] })
    const other = { ...entra.request, credential: clientSecret('another-secret') }
    await entra.source.acquire(entra.request)
    const controller = new AbortController()
    const leaving = entra.source.acquire(other, { signal: controller.signal })
    await entra.clock.untilSleeping()
    const reason = new Error('gone')
    controller.abort(reason)
    await expect(leaving).rejects.toBe(reason)
    await entra.clock.advance(60_000)
    expect(entra.server.requests).toHaveLength(1)
    expect((await entra.source.acquire(other)).ok).toBe(true)
  })

  test.each([
    ['429 with seconds', 429, { 'retry-after': '17' }, 17_000],
    ['429 with a fraction', 429, { 'retry-after': '1.5' }, 1_500],
    [
      '429 with a date',
      429,
      { 'retry-after': 'Mon, 23 Nov 2026 10:00:42 GMT', date: 'Mon, 23 Nov 2026 10:00:00 GMT' },
      42_000,
    ],
    ['429 with a day', 429, { 'retry-after': '86400' }, 3_600_000],
    ['429 with nonsense', 429, { 'retry-after': 'soon' }, 60_000],
    ['429 without Retry-After', 429, {}, 60_000],
    ['503 without Retry-After', 503, {}, 60_000],
    ['400 without Retry-After', 400, {}, 30_000],
  ])('%s is obeyed', async (_title, status, headers, waitMs) => {
    const answer = { ...refusal(90055, { status, error: 'temporarily_unavailable' }), headers }
    await using entra = await startEntra({ answers: [answer, issued()] })
    await entra.source.acquire(entra.request)
    await entra.clock.advance(waitMs - 1)
    expect(await entra.source.acquire(entra.request)).toMatchObject({
      failure: { retryAfterMs: 1 },
    })
    await entra.clock.advance(1)
    expect((await entra.source.acquire(entra.request)).ok).toBe(true)
  })

  test('a pause that Entra asked for holds for every secret, and outlives a change of the settings', async () => {
    const busy = { ...refusal(90055, { status: 429 }), headers: { 'retry-after': '300' } }
    await using entra = await startEntra({ answers: [busy] })
    await entra.source.acquire(entra.request)
    entra.source.drop(entra.request.tenantId, entra.request.clientId)
    const other = { ...entra.request, credential: clientSecret('another-secret') }
    for (const request of [entra.request, other]) {
      expect(await entra.source.acquire(request, { fresh: true, patient: true })).toMatchObject({
        ok: false,
        failure: { codes: [90055], retryAfterMs: 300_000 },
      })
    }
    expect(entra.server.requests).toHaveLength(1)
  })

  test.each([-3_600_000, 7_200_000])('a clock set by %i ms does not end a pause', async (jump) => {
    const busy = { ...refusal(90055, { status: 429 }), headers: { 'retry-after': '600' } }
    await using entra = await startEntra({ answers: [busy] })
    await entra.source.acquire(entra.request)
    entra.clock.set(entra.clock.now() + jump)
    expect((await entra.source.acquire(entra.request)).ok).toBe(false)
    expect(entra.server.requests).toHaveLength(1)
  })

  test('a broken network is tried again at once, since it was no refusal', async () => {
    await using entra = await startEntra({ answers: ['reset', issued()] })
    expect((await entra.source.acquire(entra.request)).ok).toBe(false)
    expect((await entra.source.acquire(entra.request)).ok).toBe(true)
  })
})

test('a thousand applications share the memory and the connections of one transport', async () => {
  const answers = Array.from({ length: 1_000 }, () => issued())
  await using entra = await startEntra({ answers })
  const requests = answers.map((_, i) => ({ ...entra.request, clientId: `client-${i}` }))
  const outcomes = await Promise.all(requests.map((request) => entra.source.acquire(request)))
  expect(outcomes.every(({ ok }) => ok)).toBe(true)
  expect(entra.server.connections).toBeLessThanOrEqual(8)
})
