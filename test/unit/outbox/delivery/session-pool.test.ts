import { describe, expect, it } from 'vitest'
import { createSessionPool } from '../../../../src/outbox/delivery/session-pool.ts'
import {
  createMailboxSlots,
  type OpenOptions,
  type SmtpSession,
  type SmtpSessions,
} from '../../../../src/smtp/index.ts'
import {
  damaged,
  entraFailure,
  exchangeOnline,
  noToken,
  OBJECT_ID,
  profileOf,
  SECRET,
  SMTP_REFUSED,
  startBench,
  TOKEN,
  TOKEN_REFUSED,
  token,
} from '../../verification/fakes.ts'

type Opened = Awaited<ReturnType<SmtpSessions['open']>>
type Bench = Awaited<ReturnType<typeof startBench>>

/** `script`: what becomes of each login; without one, every login is good. */
function startPool(bench: Bench, script?: (call: number) => Opened | Promise<Opened>) {
  const opened: OpenOptions[] = []
  const slots = createMailboxSlots()
  const [profile = profileOf('default')] = bench.profiles.list()
  const mailbox = { server: profile.server, login: 'alerts@contoso.com' }
  const pool = createSessionPool({
    ...bench,
    mailbox,
    slots,
    connections: () => 1,
    monotonicMs: () => bench.clock.elapsedMs,
    sessions: {
      async open(options) {
        opened.push(options)
        return (await script?.(opened.length)) ?? { ok: true, value: sessionOf(options) }
      },
    },
  })
  const acquire = (
    id = 'default',
    { patient = false, signal = new AbortController().signal } = {},
  ) => pool.acquire(id, { fresh: false, patient, signal })
  return {
    opened,
    acquire,
    /** The only place, which a try without a connection must have given back. */
    freePlace: () => slots.acquire(mailbox, { most: 1, urgent: false }),
  }
}

function sessionOf({ server: { host, port } }: OpenOptions): SmtpSession {
  return {
    server: `${host}:${port}`,
    openedAt: 0,
    lastUsedAt: 0,
    sent: 0,
    sizeLimit: null,
    usable: true,
    send: () => Promise.reject(new Error('not used here')),
    quit: async () => {},
    close: () => {},
  }
}

const refused = (failure: Extract<Opened, { ok: false }>['failure']): Opened => ({
  ok: false,
  failure,
})

describe('a connection of the pool', () => {
  it('logs in with a remembered token', async () => {
    await using bench = await startBench()
    bench.tokens.script = () => token({}, true, 1_800_000)
    const { acquire, opened } = startPool(bench)
    expect(await acquire()).toMatchObject({
      ok: true,
      lease: { profileId: 'default', servicePrincipalObjectId: OBJECT_ID, isReused: false },
    })
    expect(bench.tokens.asked.map(({ options }) => options.fresh ?? false)).toEqual([false])
    expect(opened).toMatchObject([
      { authentication: { type: 'xoauth2', username: 'alerts@contoso.com' } },
    ])
  })

  it('replaces a remembered token that is refused, once', async () => {
    await using bench = await startBench()
    bench.tokens.script = () => token({}, true, 1_800_000)
    const { acquire, opened, freePlace } = startPool(bench, () => refused(TOKEN_REFUSED))
    expect(await acquire()).toEqual({
      ok: false,
      failure: TOKEN_REFUSED,
      servicePrincipalObjectId: OBJECT_ID,
    })
    expect(opened).toHaveLength(2)
    expect(bench.tokens.dropped).toHaveLength(1)
    expect(bench.tokens.asked.map(({ options }) => options.fresh ?? false)).toEqual([false, true])
    await freePlace()
  })

  it('logs in the second time with the settings and the secret of that moment', async () => {
    await using bench = await startBench()
    const tenantId = '0a2b6f0e-8d8f-4d5c-9a55-6b7c1f3e2d10'
    bench.tokens.script = (call) => (call === 1 ? token({}, true) : token({ tid: tenantId }))
    const changed = profileOf('default', {
      version: 2,
      server: { host: 'smtp.office365.us', port: 587, security: 'starttls' },
      authentication: { ...exchangeOnline, tenantId },
    })
    const { acquire, opened } = startPool(bench, async (call) => {
      if (call === 1) await bench.profiles.put(changed)
      return refused(TOKEN_REFUSED)
    })
    await acquire()
    expect(bench.tokens.asked.map(({ request }) => request.tenantId)).toEqual([
      exchangeOnline.tenantId,
      tenantId,
    ])
    expect(opened.map(({ server }) => server.host)).toEqual([
      'smtp.office365.com',
      'smtp.office365.us',
    ])
  })

  it('opens only the secret that belongs to the settings it has read', async () => {
    await using bench = await startBench()
    const { openCredential } = bench.profiles
    const held: unknown[] = []
    bench.profiles.openCredential = (profile) => {
      held.push(profile)
      return openCredential(profile)
    }
    await startPool(bench).acquire()
    expect(held).toEqual([profileOf('default')])
  })

  it('goes nowhere with incomplete settings', async () => {
    await using bench = await startBench({ profiles: [damaged()] })
    const { acquire, opened, freePlace } = startPool(bench)
    expect(await acquire()).toMatchObject({
      ok: false,
      failure: { source: 'settings', problem: 'incomplete' },
    })
    expect(opened).toEqual([])
    await freePlace()
  })

  it('does not repeat a login that a new token has lost, nor any other failure', async () => {
    await using bench = await startBench()
    const failures = [TOKEN_REFUSED, SMTP_REFUSED]
    const { acquire, opened } = startPool(bench, (call) =>
      refused(failures[call - 1] ?? SMTP_REFUSED),
    )
    expect(await acquire()).toMatchObject({ failure: TOKEN_REFUSED })
    expect(opened).toHaveLength(1)
    bench.tokens.script = () => token({}, true)
    expect(await acquire()).toMatchObject({ failure: SMTP_REFUSED })
    expect(opened).toHaveLength(2)
    expect(bench.tokens.dropped).toEqual([])
  })

  it('asks for a new token when a remembered one lacks the right that was granted since', async () => {
    await using bench = await startBench()
    bench.tokens.script = (call) => (call === 1 ? token({ roles: [] }, true) : token())
    expect((await startPool(bench).acquire()).ok).toBe(true)
    expect(bench.tokens.asked).toHaveLength(2)
  })

  it('ends before the server when no token comes, or it lacks the role', async () => {
    await using bench = await startBench()
    const wrong = entraFailure(7000215, 'Invalid client secret provided.')
    bench.tokens.script = (call) => (call === 1 ? noToken(wrong) : token({ roles: [] }))
    const { acquire, opened, freePlace } = startPool(bench)
    const none = await acquire()
    expect(none).toMatchObject({ ok: false, failure: wrong })
    const lacking = await acquire()
    expect(lacking).toMatchObject({ ok: false, failure: { source: 'claims' } })
    expect(opened).toEqual([])
    expect(JSON.stringify([none, lacking])).not.toMatch(new RegExp(`${SECRET}|${TOKEN}`))
    await freePlace()
  })

  it('goes without a token for other kinds of login', async () => {
    const basic = { type: 'basic', username: 'printer' } as const
    await using bench = await startBench({
      profiles: [
        profileOf('basic', { authentication: basic }),
        profileOf('none', { authentication: { type: 'none' } }),
      ],
    })
    const one = startPool(bench)
    await one.acquire('basic')
    const other = startPool(bench)
    await other.acquire('none')
    expect(
      [...one.opened, ...other.opened].map(({ authentication }) => authentication.type),
    ).toEqual(['login', 'none'])
    expect(bench.tokens.asked).toEqual([])
  })

  it.each([true, false])('hands on whether a person waits: %s', async (patient) => {
    await using bench = await startBench()
    const { signal } = new AbortController()
    await startPool(bench).acquire('default', { patient, signal })
    expect(bench.tokens.asked.map(({ options }) => options)).toEqual([
      expect.objectContaining({ patient, signal }),
    ])
  })
})
