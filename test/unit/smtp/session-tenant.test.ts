import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Secret } from '../../../src/platform/secret.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import { MAILBOX, startTestExchange, type TestExchange } from '../../support/exchange.ts'
import { openSession, outgoing } from './session-bench.ts'

const BODY = Buffer.from(
  `From: Process Alerts <${MAILBOX}>\r\nTo: <b@fabrikam.com>\r\nMessage-ID: <one@contoso.com>\r\n\r\n.Hello\r\n`,
)

/** The simulated Exchange Online: what it announces, in which order it answers, and how it fails. */
describe('a session with the simulated tenant', () => {
  let exchange: TestExchange
  beforeEach(async () => {
    exchange = await startTestExchange()
  })
  afterEach(async () => {
    await exchange[Symbol.asyncDispose]()
  })

  async function open() {
    return openSession(exchange.port, {
      deps: { trust: createTrust({ extraCaPem: exchange.caPem }), clock: exchange.clock },
      security: 'starttls',
      authentication: {
        type: 'xoauth2',
        username: MAILBOX,
        token: new Secret(await exchange.token()),
      },
    })
  }
  const message = (to = ['b@fabrikam.com']) =>
    outgoing({ sender: MAILBOX, body: BODY, sizeBytes: BODY.length, to })

  test('delivers several messages, each byte for byte, to those it accepts', async () => {
    const session = await open()
    expect(session.sizeLimit).toBe(157_286_400)
    expect(await session.send(message())).toMatchObject({
      failure: null,
      reply: expect.stringMatching(/^250 2\.0\.0 OK <.*> \[Hostname=/),
      serverMessageId: expect.stringMatching(/^<.*>$/),
    })
    const mixed = await session.send(message(['not-an_address@-', 'c@fabrikam.com']))
    expect(mixed).toMatchObject({
      failure: null,
      recipients: [{ failure: { step: 'rcpt', code: 501 } }, { failure: null }],
    })
    const inbox = exchange.tenant.inbox.list()
    expect(inbox.map(({ envelope }) => envelope.to)).toEqual([
      ['b@fabrikam.com'],
      ['c@fabrikam.com'],
    ])
    expect(inbox[0]?.raw).toContain('\r\n\r\n.Hello\r\n')
    await session.quit()
  })

  test('goes on after a message for nobody, and after one that is refused', async () => {
    const session = await open()
    expect(await session.send(message(['not-an_address@-']))).toMatchObject({
      failure: { step: 'rcpt', code: 501 },
    })
    const foreign = Buffer.from('From: <ceo@contoso.com>\r\n\r\nx\r\n')
    expect(
      await session.send({ ...message(), body: foreign, sizeBytes: foreign.length }),
    ).toMatchObject({ failure: { step: 'message', code: 554 } })
    expect(session.usable).toBe(true)
    expect(await session.send(message())).toMatchObject({ failure: null })
    await session.quit()
  })

  test.each([
    ['dropAtMail', 'mail', false, 0],
    ['dropAtRcpt', 'rcpt', false, 0],
    // The replies to the commands before may go with it.
    ['dropBefore354', expect.stringMatching(/rcpt|data/), false, 0],
    ['dropMidData', 'message', true, 0],
    ['dropAfterDot', 'message', true, 0],
    ['dropBefore250', 'message', true, 1],
  ] as const)('with %s fails without an answer', async (fault, step, uncertain, kept) => {
    const session = await open()
    exchange.tenant.patch({ smtp: { fault } })
    expect(await session.send(message())).toMatchObject({
      failure: { source: 'transport', phase: 'closed', step },
      uncertain,
    })
    expect(session.usable).toBe(false)
    expect(exchange.tenant.inbox.list()).toHaveLength(kept)
  })
})
