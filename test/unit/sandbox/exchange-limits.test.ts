import { describe, expect, it } from 'vitest'
import {
  MAILBOX,
  MESSAGE,
  openMessage,
  SUFFIX,
  sendMessage,
  startTestExchange,
} from '../../support/exchange.ts'

describe('the limits of the simulated Exchange Online', () => {
  it('refuses the fourth connection that submits for a mailbox, whichever ends first', async () => {
    await using exchange = await startTestExchange()
    const clients = [
      await exchange.dialSignedIn(),
      await exchange.dialSignedIn(),
      await exchange.dialSignedIn(),
      await exchange.dialSignedIn(),
    ]
    for (const client of clients) await openMessage(client)
    const [first, , , fourth] = clients
    expect((await fourth?.content(MESSAGE))?.text).toMatch(
      /^432 4\.3\.2 Concurrent connections limit exceeded\. Visit https:\/\/aka\.ms\/concurrent_sending for more information\. \[Hostname=AM0PR06MB\d{4}\.EURPRD06\.PROD\.OUTLOOK\.COM\]$/,
    )
    expect((await first?.content(MESSAGE))?.code).toBe(250)
    if (fourth) expect(await sendMessage(fourth)).toMatch(/^250 /)
  })

  it('frees the place of a connection that goes away', async () => {
    await using exchange = await startTestExchange({ limits: { connections: 1 } })
    const first = await exchange.dialSignedIn()
    const second = await exchange.dialSignedIn()
    await openMessage(first)
    expect(await sendMessage(second)).toMatch(/^432 /)
    const { counters } = exchange.tenant
    const gone = new Promise<void>((resolve) => {
      const poll = () => (counters.smtpOpenConnections === 1 ? resolve() : setImmediate(poll))
      poll()
    })
    first.socket.destroy()
    await gone
    expect(await sendMessage(second)).toMatch(/^250 /)
  })

  it('carries messages over the rate into the next minute', async () => {
    await using exchange = await startTestExchange({ limits: { messagesPerMinute: 2 } })
    const client = await exchange.dialSignedIn()
    await sendMessage(client)
    await exchange.clock.advance(20_000)
    await sendMessage(client)
    const sleeping = exchange.clock.sleepers
    const third = sendMessage(client)
    await exchange.clock.untilSleeping(sleeping + 1)
    await exchange.clock.advance(39_999)
    expect(exchange.tenant.inbox.list()).toHaveLength(2)
    await exchange.clock.advance(1)
    expect(await third).toMatch(/^250 /)
    expect(exchange.tenant.inbox.list()).toHaveLength(3)
  })

  it('drops a message that waits for its turn when the client goes', async () => {
    await using exchange = await startTestExchange({ limits: { messagesPerMinute: 1 } })
    const client = await exchange.dialSignedIn()
    const other = await exchange.dialSignedIn()
    await sendMessage(client)
    await openMessage(client)
    const sleeping = exchange.clock.sleepers
    client.write(`${MESSAGE}\r\n.\r\n`)
    await exchange.clock.untilSleeping(sleeping + 1)
    client.socket.destroy()
    await client.closed
    await exchange.clock.advance(60_000)
    expect(await sendMessage(other)).toMatch(/^250 /)
    expect(exchange.tenant.inbox.list()).toHaveLength(2)
  })

  it('rejects messages over the rate when the tenant is told so, and closes', async () => {
    await using exchange = await startTestExchange({
      limits: { messagesPerMinute: 1, overRate: 'reject' },
    })
    const client = await exchange.dialSignedIn()
    await sendMessage(client)
    expect((await sendMessage(client)).replace(SUFFIX, '')).toBe(
      '421 4.4.2 Message submission rate for this client has exceeded the configured limit',
    )
    await client.closed
    await exchange.clock.advance(60_000)
    expect(await sendMessage(await exchange.dialSignedIn())).toMatch(/^250 /)
  })

  it('counts recipients over 24 hours, and anew after a reset of the tenant', async () => {
    const limits = { recipientsPerDay: 3 }
    await using exchange = await startTestExchange({ limits })
    const client = await exchange.dialSignedIn()
    const to = ['a@x.example', 'b@x.example']
    expect(await sendMessage(client, { to })).toMatch(/^250 /)
    expect(await sendMessage(client, { to })).toMatch(
      /^554 5\.2\.0 STOREDRV\.Submission\.Exception:SubmissionQuotaExceededException; .*\[Hostname=/,
    )
    expect(await sendMessage(client)).toMatch(/^250 /)
    expect(await sendMessage(client)).toMatch(/^554 5\.2\.0 /)
    exchange.tenant.reset()
    exchange.tenant.patch({ limits })
    expect(await sendMessage(client)).toMatch(/^250 /)
    expect(await sendMessage(client, { to })).toMatch(/^250 /)
    await exchange.clock.advance(24 * 60 * 60_000)
    const later = await exchange.dialSignedIn()
    expect(await sendMessage(later, { to })).toMatch(/^250 /)
  })

  it('counts each mailbox alone', async () => {
    await using exchange = await startTestExchange({
      limits: { recipientsPerDay: 1 },
      mailboxes: {
        'it@contoso.com': {
          fullAccess: { 'd2f6b8a1-43c7-4e95-8b1d-0e7a6f9c2354': '2020-01-01T00:00:00Z' },
        },
      },
    })
    expect(await sendMessage(await exchange.dialSignedIn())).toMatch(/^250 /)
    const other = await exchange.dialSignedIn('it@contoso.com')
    const message = MESSAGE.replace(MAILBOX, 'it@contoso.com')
    expect(await sendMessage(other, { from: 'it@contoso.com', message })).toMatch(/^250 /)
  })
})
