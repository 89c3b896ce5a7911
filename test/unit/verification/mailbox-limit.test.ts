import { describe, expect, it } from 'vitest'
import { Secret } from '../../../src/platform/secret.ts'
import { createMailboxSlots, type SmtpAuthentication } from '../../../src/smtp/index.ts'
import { limitPerMailbox } from '../../../src/verification/index.ts'
import { createLatch, eventually, probe, profileOf, startBench } from './fakes.ts'

const SERVER = { host: 'smtp.office365.com', port: 587, security: 'starttls' } as const
/** Connections of the outbox. */
const POOLED = { server: SERVER, login: 'alerts@contoso.com' }
const FOR_MESSAGES = { most: 3, urgent: false }
const mailbox = (username: string): SmtpAuthentication => ({
  type: 'xoauth2',
  username,
  token: new Secret('token'),
})

/** A client whose connections stay open until they are let go, behind the limit. */
function startClient() {
  const open: { end(): void }[] = []
  let most = 0
  const client = limitPerMailbox({
    async probe() {
      const { promise, resolve } = Promise.withResolvers<void>()
      const connection = {
        end: () => {
          open.splice(open.indexOf(connection), 1)
          resolve()
        },
      }
      open.push(connection)
      most = Math.max(most, open.length)
      await promise
      return probe()
    },
  })
  return {
    open,
    most: () => most,
    probe: (authentication = mailbox('alerts@contoso.com'), server = {}, signal?: AbortSignal) =>
      client.probe({ server: { ...SERVER, ...server }, authentication, signal }),
    async drain() {
      while (open.length > 0) {
        open[0]?.end()
        await settle()
      }
    },
  }
}

async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise<void>((resolve) => setImmediate(resolve))
}

describe('the connections to one mailbox', () => {
  it('are three at most, whoever opens them; nobody is forgotten', async () => {
    const client = startClient()
    const all = Array.from({ length: 30 }, () => client.probe())
    await settle()
    expect(client.open).toHaveLength(3)
    await client.drain()
    expect(await Promise.all(all)).toHaveLength(30)
    expect(client.most()).toBe(3)
  })

  it.each([
    ['another mailbox', mailbox('other@contoso.com'), {}],
    ['another server', undefined, { host: 'smtp.office365.us' }],
    ['another port', undefined, { port: 465 }],
    ['no login', { type: 'none' } as const, {}],
  ])('do not hold up %s', async (_name, authentication, server) => {
    const client = startClient()
    const waiting = Array.from({ length: 5 }, () => client.probe())
    await settle()
    const free = client.probe(authentication, server)
    await settle()
    expect(client.open).toHaveLength(4)
    await client.drain()
    await Promise.all([...waiting, free])
  })

  it('are counted together however the mailbox and the host are written', async () => {
    const client = startClient()
    const all = [
      ...Array.from({ length: 3 }, () => client.probe()),
      client.probe(mailbox('Alerts@Contoso.com'), { host: 'SMTP.office365.com' }),
    ]
    await settle()
    expect(client.open).toHaveLength(3)
    await client.drain()
    await Promise.all(all)
  })

  it('are not opened for who has stopped waiting', async () => {
    const client = startClient()
    const abort = new AbortController()
    const busy = Array.from({ length: 3 }, () => client.probe())
    await settle()
    const refused = [
      client.probe(undefined, {}, abort.signal),
      client.probe(undefined, {}, abort.signal),
    ].map((result) => expect(result).rejects.toThrow('enough'))
    await settle()
    abort.abort(new Error('enough'))
    await Promise.all(refused)
    // The places that they waited for are free for the next ones.
    const next = [client.probe(), client.probe()]
    await client.drain()
    await Promise.all([...busy, ...next])
    expect(client.most()).toBe(3)
  })

  it('go before those that are only kept for the next message', async () => {
    const slots = createMailboxSlots()
    const kept = await Promise.all([1, 2, 3].map(() => slots.acquire(POOLED, FOR_MESSAGES)))
    for (const slot of kept) slot.onWanted(() => slot.release())
    const client = limitPerMailbox({ probe: async () => probe() }, { slots })
    const authentication = mailbox('Alerts@contoso.com')
    expect((await client.probe({ server: SERVER, authentication })).failure).toBeNull()
  })

  it('come next while many messages wait', async () => {
    const slots = createMailboxSlots()
    const [busy] = await Promise.all([1, 2, 3].map(() => slots.acquire(POOLED, FOR_MESSAGES)))
    let begun = 0
    for (let i = 0; i < 40; i++) void slots.acquire(POOLED, FOR_MESSAGES).then(() => begun++)
    const latch = createLatch()
    let probed = 0
    const client = limitPerMailbox(
      {
        async probe() {
          probed++
          await latch.passed
          return probe()
        },
      },
      { slots },
    )
    const proof = client.probe({ server: SERVER, authentication: mailbox('alerts@contoso.com') })
    await settle()
    expect([begun, probed]).toEqual([0, 0])
    busy?.release()
    await settle()
    expect([begun, probed]).toEqual([0, 1])
    latch.open()
    await proof
    await settle()
    expect(begun).toBe(1)
  })

  it('leave their place when they fail', async () => {
    let calls = 0
    const client = limitPerMailbox({
      probe: () => Promise.reject(new Error(`refused ${++calls}`)),
    })
    const options = { server: SERVER, authentication: mailbox('a@contoso.com') }
    for (let i = 1; i <= 5; i++) await expect(client.probe(options)).rejects.toThrow(`refused ${i}`)
  })

  it('are shared by the runs of all profiles, with and without a message', async () => {
    const profiles = ['a', 'b', 'c', 'd'].map((id) => profileOf(id))
    await using bench = await startBench({ profiles })
    const latch = createLatch()
    let underWay = 0
    let most = 0
    const hold = async () => {
      most = Math.max(most, ++underWay)
      await latch.passed
      underWay--
    }
    bench.smtp.script = async (_call, { message }) => {
      await hold()
      return probe({ withMessage: message !== undefined })
    }
    const smtp = limitPerMailbox(bench.smtp)
    await using verification = await bench.start({ smtp })
    const all = profiles.map(({ id }, index) =>
      verification.verify(id, {
        reason: 'requested',
        ...(index % 2 === 0 && { sendTo: 'it@contoso.com' }),
      }),
    )
    await eventually(() => underWay === 3)
    latch.open()
    const reports = await Promise.all(all)
    expect(reports.map(({ outcome }) => outcome)).toEqual(['ok', 'ok', 'ok', 'ok'])
    expect(most).toBe(3)
  })
})
