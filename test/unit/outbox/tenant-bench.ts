import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createEntraTransport, createTokenSource, customCloud } from '../../../src/entra/index.ts'
import { createOutbox, type OutboxEvents, openThreadedStore } from '../../../src/outbox/index.ts'
import { createEventBus } from '../../../src/platform/events.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import type { Profile, ProfileEvents } from '../../../src/profiles/index.ts'
import { type SandboxTenant, startSandboxTenant } from '../../../src/sandbox/index.ts'
import { createMailboxSlots, createSmtpSessions } from '../../../src/smtp/index.ts'
import { openStorage } from '../../../src/storage/index.ts'
import type { VerificationEvents } from '../../../src/verification/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { captureLog } from '../../support/log.ts'
import { exchangeOnline, profileOf } from '../verification/fakes.ts'
import { draftOf, fakeProfiles, readNews } from './delivery/bench.ts'

const TIMEOUTS = { connectMs: 5_000, greetingMs: 5_000, commandMs: 5_000, dataMs: 5_000 }

export function tenantProfile(sandbox: SandboxTenant, change: Partial<Profile> = {}): Profile {
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

/** The outbox as the agent has it, its store in a thread, over real sockets, with a tenant whose time only the test moves. */
export async function startTenantBench(
  options: { delivery?: Partial<Profile['delivery']>; seed?: unknown } = {},
) {
  await using opened = new AsyncDisposableStack()
  const clock = createFakeClock()
  const monotonicMs = () => clock.elapsedMs
  const { log, lines } = captureLog()
  const sandbox = opened.use(await startSandboxTenant({ clock }))
  // Whoever is too fast is told so.
  sandbox.tenant.patch({ limits: { overRate: 'reject' } })
  if (options.seed !== undefined) sandbox.tenant.patch(options.seed)
  const dataDir = await mkdtemp(join(tmpdir(), 'postern-outbox-'))
  opened.defer(() => rm(dataDir, { recursive: true, force: true }))
  const storage = opened.use(await openStorage({ dataDir, role: 'agent', clock, log }))
  const store = opened.use(await openThreadedStore({ storage, log }))
  const events = createEventBus<OutboxEvents & VerificationEvents & ProfileEvents>({ log })
  const trust = createTrust({ extraCaPem: sandbox.caPem })
  const transport = opened.use(createEntraTransport({ trust, clock, timeoutMs: 5_000 }))
  const tokens = createTokenSource({ transport, clock, log, monotonicMs })
  const base = tenantProfile(sandbox)
  const profile = { ...base, delivery: { ...base.delivery, ...options.delivery } }
  const known = new Map([[profile.id, profile]])
  const secret = { value: new Secret(sandbox.clientSecret) }
  const profiles = fakeProfiles(known, () => secret.value)
  const outbox = opened.use(
    createOutbox({
      store,
      sessions: createSmtpSessions({
        trust,
        clock,
        log,
        hostname: 'localhost',
        timeouts: TIMEOUTS,
      }),
      slots: createMailboxSlots(),
      profiles,
      tokens,
      proofOf: () => ({ lastSucceededAt: null, lastDeliveredAt: null }),
      events,
      storage,
      clock,
      log,
      monotonicMs,
    }),
  )
  const { all, named } = readNews(events)
  const resources = opened.move()
  let count = 0

  return {
    sandbox,
    tenant: sandbox.tenant,
    clock,
    outbox,
    store,
    dataDir,
    events,
    lines,
    news: all,
    named,
    /** A message with a Message-ID of its own; `from`: another sender than the mailbox. */
    async accept(change: Parameters<typeof draftOf>[0] & { from?: string } = {}) {
      const { from = sandbox.mailbox, ...rest } = change
      const draft = draftOf({ headerFrom: from, ...rest })
      const messageId = `<m${++count}@contoso.com>`
      const head = [`From: <${from}>`, 'To: <ann@fabrikam.com>', `Message-ID: ${messageId}`]
      const body = Buffer.from([...head, 'Subject: s', '', 'Hello', ''].join('\r\n'))
      const envelope = { ...draft.envelope, sender: from }
      const accepted = await outbox.accept({ ...draft, messageId, envelope }, body)
      return { ...accepted, messageId }
    },
    inboxIds: () => sandbox.tenant.inbox.list().map(({ messageId }) => messageId),
    async pass(ms: number, stepMs = 1_000) {
      await outbox.idle()
      for (let left = ms; left > 0; left -= stepMs) {
        await clock.advance(Math.min(left, stepMs))
        await outbox.idle()
      }
    },
    /** The settings are saved again, with this secret. */
    saveSecret(value: string) {
      secret.value = new Secret(value)
      const actor = { type: 'agent', id: null, name: 'test', address: null } as const
      const facts = { connectionChanged: true, secretChanged: true, actor }
      const saved = { ...profile, updatedAt: clock.now() }
      known.set(profile.id, saved)
      const { authentication } = profile
      if (authentication.type === 'exchangeOnline') {
        tokens.drop(authentication.tenantId, authentication.clientId)
      }
      events.emit('profile.changed', { profile: saved, previous: profile, ...facts })
    },
    [Symbol.asyncDispose]: () => resources.disposeAsync(),
  }
}
