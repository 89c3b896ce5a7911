import { expect, test } from 'vitest'
import { checkClaims, createEntraTransport, createTokenSource } from '../../../src/entra/index.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import { startSandboxTenant } from '../../../src/sandbox/index.ts'
import { createSmtpClient, createSmtpSessions } from '../../../src/smtp/index.ts'
import { captureLog } from '../../support/log.ts'
import { cloudAt } from './fixtures.ts'

test('a token of the simulated tenant opens its SMTP server, by probe and by session', async () => {
  const clock = systemClock
  const { log } = captureLog()
  await using tenant = await startSandboxTenant({ clock })
  const trust = createTrust({ extraCaPem: tenant.caPem })
  await using transport = createEntraTransport({ trust, clock: systemClock, timeoutMs: 20_000 })
  const source = createTokenSource({ transport, clock, log })
  const cloud = { ...cloudAt(tenant.authority), scope: tenant.exchangeScope }
  const { tenantId, clientId, mailbox } = tenant
  const outcome = await source.acquire({
    cloud,
    tenantId,
    clientId,
    credential: { type: 'clientSecret', value: new Secret(tenant.clientSecret) },
  })
  if (!outcome.ok) throw new Error(JSON.stringify(outcome.failure))
  const { value: token, claims } = outcome.value
  const now = clock.now()
  const { audiences } = cloud
  expect(
    checkClaims(claims, { audiences, clientId, tenantId, now, applicationRbac: false }),
  ).toBeUndefined()

  const ms = 20_000
  const timeouts = { connectMs: ms, greetingMs: ms, commandMs: ms, dataMs: ms }
  const smtpDeps = { trust, clock, log, hostname: 'localhost', timeouts }
  const smtp = createSmtpClient(smtpDeps)
  const server = { ...tenant.smtp, security: 'starttls' } as const
  const authentication = { type: 'xoauth2', username: mailbox, token } as const
  const probe = await smtp.probe({ server, authentication })
  expect(probe.failure).toBeNull()
  expect(probe.steps.at(-1)).toMatchObject({ step: 'auth', ok: true })
  expect(JSON.stringify(probe)).not.toContain(token.reveal().slice(0, 30))

  const opened = await createSmtpSessions(smtpDeps).open({ server, authentication })
  if (!opened.ok) throw new Error(JSON.stringify(opened.failure))
  const body = Buffer.from(
    `From: <${mailbox}>\r\nTo: <${mailbox}>\r\nSubject: Hello\r\n\r\nHello\r\n`,
  )
  const sent = await opened.value.send({
    sender: mailbox,
    recipients: [{ address: mailbox, notify: null, orcpt: null }],
    smtpUtf8: false,
    eightBit: false,
    ret: null,
    envid: null,
    sizeBytes: body.length,
    body,
  })
  expect(sent).toMatchObject({ failure: null, recipients: [{ failure: null }] })
  await opened.value.quit()
})
