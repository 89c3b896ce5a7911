import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createEntraTransport, createTokenSource, customCloud } from '../../../src/entra/index.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import type { Profile } from '../../../src/profiles/index.ts'
import { type SandboxTenant, startSandboxTenant } from '../../../src/sandbox/index.ts'
import { createSmtpClient } from '../../../src/smtp/index.ts'
import { createVerification } from '../../../src/verification/index.ts'
import { createMovableClock, overPauses } from '../../support/movable-clock.ts'
import { exchangeOnline, profileOf, startBench } from './fakes.ts'

const TIMEOUTS = { connectMs: 5_000, greetingMs: 5_000, commandMs: 5_000, dataMs: 5_000 }

let sandbox: SandboxTenant
beforeAll(async () => {
  sandbox = await startSandboxTenant({ clock: systemClock })
})
afterAll(() => sandbox[Symbol.asyncDispose]())
beforeEach(() => sandbox.tenant.reset())

function sandboxProfile(change: Partial<Profile> = {}): Profile {
  const { host, port } = sandbox.smtp
  const { authority, graphUrl, exchangeScope: scope, tenantId, clientId, mailbox } = sandbox
  const cloud = customCloud({ authority, graphUrl, scope, smtpHost: host, smtpPort: port })
  return profileOf('default', {
    senderEmailAddress: mailbox,
    server: { host, port, security: 'starttls' },
    authentication: { ...exchangeOnline, cloudId: 'custom', cloud, tenantId, clientId },
    ...change,
  })
}

/** The verification over real sockets, real tokens and the simulated tenant. */
async function startReal(profile = sandboxProfile()) {
  await using opened = new AsyncDisposableStack()
  const bench = opened.use(await startBench({ profiles: [profile] }))
  // Two would answer the same events.
  await bench.verification[Symbol.asyncDispose]()
  bench.profiles.secret = new Secret(sandbox.clientSecret)
  const clock = createMovableClock()
  const { log } = bench
  const trust = createTrust({ extraCaPem: sandbox.caPem })
  const transport = opened.use(createEntraTransport({ trust, clock, timeoutMs: 2_000 }))
  const { monotonicMs } = clock
  const tokens = createTokenSource({ transport, clock, log, monotonicMs })
  const smtp = createSmtpClient({ trust, clock, log, hostname: 'localhost', timeouts: TIMEOUTS })
  const deps = { ...bench, clock, tokens, smtp }
  const verification = opened.use(await createVerification(deps))
  const resources = opened.move()
  return {
    ...deps,
    verification,
    verify: (sendTo?: string) => verification.verify('default', { reason: 'requested', sendTo }),
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}

describe('a verification against the simulated tenant', () => {
  it('is ok from settings to login, without handing over a message', async () => {
    await using real = await startReal()
    const report = await real.verify()
    expect(report.checks.filter((check) => check.outcome !== 'ok')).toEqual([])
    expect(report.outcome).toBe('ok')
    const tls = report.checks.find((check) => check.name === 'tls')
    expect(tls?.evidence).toMatch(/TLSv1\.[23].*localhost/)
    expect(sandbox.tenant.counters).toMatchObject({ tokensIssued: 1, messagesAccepted: 0 })
  })

  it('hands over a message that the inbox then holds', async () => {
    await using real = await startReal()
    const report = await real.verify('it@contoso.com')
    expect(report).toMatchObject({
      outcome: 'ok',
      message: { reply: expect.stringMatching(/^250/) },
    })
    const [message] = sandbox.tenant.inbox.list()
    expect(message?.raw.toString()).toContain(`Message-ID: ${report.message?.messageId}`)
  })

  it('finds the mailbox permission only with a message', async () => {
    await using real = await startReal()
    sandbox.tenant.patch({ mailboxes: { [sandbox.mailbox]: { fullAccess: null } } })
    expect((await real.verify()).outcome).toBe('ok')
    const report = await real.verify('it@contoso.com')
    expect(report.checks.find((check) => check.outcome === 'failed')).toMatchObject({
      name: 'messageAccepted',
      diagnosis: { row: 39 },
    })
  })

  it.each([
    ['consent removed', { apps: { CLIENT: { exchangeRoles: [] } } }, 'tokenRole', 25],
    ['SMTP AUTH off', { tenant: { smtpAuthDisabled: true } }, 'authAccepted', 31],
    ['Entra throttling', { entra: { fault: 'throttled' } }, 'tokenIssued', 22],
    ['Entra down', { entra: { fault: 'refuse' } }, 'entraReachable', 1],
    ['SMTP down', { smtp: { fault: 'refuse' } }, 'serverReachable', 2],
    ['a dropped STARTTLS', { smtp: { fault: 'dropAtStarttls' } }, 'tls', null],
    ['a wrong certificate', { smtp: { certificate: 'wrongName' } }, 'tls', 3],
    ['no XOAUTH2', { smtp: { authMechanisms: ['LOGIN'] } }, 'authOffered', null],
    ['no service principal', { exchange: { servicePrincipals: null } }, 'authAccepted', 35],
  ])('names the check for %s', async (_name, patch, name, row) => {
    await using real = await startReal()
    sandbox.tenant.patch(JSON.parse(JSON.stringify(patch).replace('CLIENT', sandbox.clientId)))
    const report = await real.verify()
    expect(report.outcome).toBe('failed')
    const failed = report.checks.find((check) => check.outcome === 'failed')
    expect(failed?.name).toBe(name)
    if (row !== null) expect(failed?.diagnosis?.row).toBe(row)
  })

  it('proves the end of a secret, and a new one as soon as Entra may be asked again', async () => {
    await using real = await startReal()
    const secrets = sandbox.tenant.state().apps[sandbox.clientId]?.secrets ?? {}
    const [keyId = ''] = Object.keys(secrets)
    const end = (endDateTime: string) =>
      sandbox.tenant.patch({
        apps: { [sandbox.clientId]: { secrets: { [keyId]: { endDateTime } } } },
      })
    end('2020-01-01T00:00:00Z')
    expect((await real.verify()).diagnosis).toMatchObject({ row: 5, code: 'secret_expired' })
    expect(real.profiles.ended).toEqual(['credential-default'])

    end('2099-01-01T00:00:00Z')
    const renewed = sandboxProfile()
    const previous = real.profiles.get('default')
    await real.profiles.put(renewed)
    real.save(renewed, previous)
    await overPauses(real.clock, real.verification.idle())
    expect(real.verification.healthOf('default').state).toBe('ok')
  })

  it('leaves no connection open', async () => {
    await using real = await startReal()
    await real.verify()
    sandbox.tenant.patch({ smtp: { fault: 'dropAtAuth' } })
    await real.verify()
    await expect.poll(() => sandbox.tenant.counters.smtpOpenConnections).toBe(0)
  })
})
