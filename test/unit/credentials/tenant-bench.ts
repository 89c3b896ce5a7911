import { createAudit } from '../../../src/access/index.ts'
import {
  type CredentialRenewal,
  type CredentialStaging,
  createCredentialRenewal,
  createCredentialStaging,
} from '../../../src/credentials/index.ts'
import {
  createEntraTransport,
  createGraphClient,
  createTokenSource,
  type TokenSource,
} from '../../../src/entra/index.ts'
import {
  createOutbox,
  createOutboxMailer,
  type OutboxEvents,
  openThreadedStore,
} from '../../../src/outbox/index.ts'
import { createEventBus } from '../../../src/platform/events.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import type { ProfileEvents } from '../../../src/profiles/index.ts'
import type { SandboxTenant } from '../../../src/sandbox/index.ts'
import {
  createMailboxSlots,
  createSmtpClient,
  createSmtpSessions,
} from '../../../src/smtp/index.ts'
import {
  createCredentialProof,
  limitPerMailbox,
  type ProfileMailer,
  type VerificationEvents,
} from '../../../src/verification/index.ts'
import { profileFor } from '../../support/agent.ts'
import type { MovableClock } from '../../support/movable-clock.ts'
import { ALICE, createRig, type Rig } from '../profiles/harness.ts'

const TIMEOUTS = { connectMs: 5_000, greetingMs: 5_000, commandMs: 5_000, dataMs: 5_000 }
export const NEW_SECRET = 'Xyz8Q~other-secret-value-of-the-tests-111'

export interface TenantBench extends AsyncDisposable {
  readonly rig: Rig
  readonly tokens: TokenSource
  readonly staging: CredentialStaging
  readonly mailer: ProfileMailer
  readonly renewal: CredentialRenewal
}

/** Mail does not wait for its minute: these tests are about credentials. */
export function benchProfile(sandbox: SandboxTenant): Record<string, unknown> {
  return { ...profileFor(sandbox), delivery: { messagesPerMinute: null } }
}

/** Profiles, proof and outbox over real sockets against a simulated tenant with the same clock. */
export async function createTenantBench(
  sandbox: SandboxTenant,
  clock: MovableClock,
): Promise<TenantBench> {
  await using opened = new AsyncDisposableStack()
  const rig = opened.use(await createRig({ allowCustomCloud: true }))
  rig.clock.set(clock.now())
  await rig.profiles.create(benchProfile(sandbox), ALICE)
  const { log } = rig.captured
  const { profiles } = rig
  const trust = createTrust({ extraCaPem: sandbox.caPem })
  const transport = opened.use(createEntraTransport({ trust, clock, timeoutMs: 5_000 }))
  const tokens = createTokenSource({ transport, clock, log, monotonicMs: clock.monotonicMs })
  const smtpDeps = { trust, clock, log, hostname: 'localhost', timeouts: TIMEOUTS }
  const slots = createMailboxSlots()
  const smtp = limitPerMailbox(createSmtpClient(smtpDeps), { slots })
  // The settings have worked before, so nothing of them is spreading.
  const proofOf = () => ({ lastSucceededAt: clock.now(), lastDeliveredAt: clock.now() })
  const access = { profiles, tokens, smtp, clock, proofOf }
  const identity = { version: '0', hostname: 'localhost', timeoutMs: 60_000 }
  const proof = createCredentialProof({ ...access, ...identity })
  const { events, storage } = rig
  const staging = opened.use(createCredentialStaging({ profiles, proof, clock, log, events }))
  const store = opened.use(await openThreadedStore({ storage, log }))
  const mailEvents = createEventBus<OutboxEvents & VerificationEvents & ProfileEvents>({ log })
  // What the outbox follows of the profiles: connections of a former credential are void.
  events.on('profile.changed', (news) => mailEvents.emit('profile.changed', news))
  const outbox = opened.use(
    createOutbox({
      ...access,
      store,
      sessions: createSmtpSessions(smtpDeps),
      slots,
      log,
      events: mailEvents,
      monotonicMs: clock.monotonicMs,
    }),
  )
  outbox.start()
  const mailer = createOutboxMailer({ outbox, profiles, source: 'alert' })
  const renewal = opened.use(
    createCredentialRenewal({
      profiles,
      staging,
      graph: createGraphClient({ transport, tokens, clock, log }),
      storage,
      audit: createAudit({ storage, clock }),
      clock,
      log,
      events,
      allowCustomCloud: true,
    }),
  )
  const held = opened.move()
  return { rig, tokens, staging, mailer, renewal, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Adds a secret to the application, or changes one. */
export function setSecret(
  sandbox: SandboxTenant,
  keyId: string,
  secret: Record<string, unknown> | null,
): void {
  sandbox.tenant.patch({ apps: { [sandbox.clientId]: { secrets: { [keyId]: secret } } } })
}
