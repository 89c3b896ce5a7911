import { type Clock, HOUR_MS } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { CredentialFacts, Profile, ProfileEvents, Profiles } from '../profiles/index.ts'
import type { Storage } from '../storage/index.ts'
import type { CredentialEvents, CredentialExpiry, ExpiryWatch } from './credentials.ts'
import { daysLeft, END } from './days.ts'
import { type Due, dueOf } from './due.ts'
import { createReminderStore, type Reminders } from './store.ts'

const SCAN_EVERY_MS = HOUR_MS

interface Finding extends Due {
  readonly profile: Profile
  readonly credential: CredentialFacts
  readonly expiresAt: number
}

export function createExpiryWatch(deps: {
  profiles: Pick<Profiles, 'list' | 'find'>
  storage: Pick<Storage, 'db'>
  clock: Clock
  log: Logger
  events: EventBus<CredentialEvents & ProfileEvents>
}): ExpiryWatch {
  const { profiles, clock, events, log } = deps
  const store = createReminderStore({ storage: deps.storage })
  const stop = new AbortController()
  /** The table in memory, read once. */
  let known: Map<string, Reminders> | undefined
  let last: Promise<void> = Promise.resolve()
  let loop: Promise<void> = Promise.resolve()

  /** One at a time: two scans at once would announce twice. */
  function inTurn(work: () => Promise<void>): Promise<void> {
    const run = last.then(work)
    last = run.catch(() => {})
    return run
  }

  async function look(at: readonly Profile[]): Promise<void> {
    known ??= await store.all()
    const now = clock.now()
    const findings: Finding[] = []
    for (const profile of at) {
      const { credential } = profile
      if (credential === null) continue
      const { expiresAt } = credential
      if (expiresAt === null) {
        const reminders = known.get(credential.id)
        if (reminders === undefined) continue
        const forget = [...reminders.keys()]
        findings.push({
          profile,
          credential,
          expiresAt: 0,
          forget,
          record: [],
          announce: undefined,
        })
        continue
      }
      const due = dueOf(expiresAt, now, known.get(credential.id))
      if (due.forget.length + due.record.length === 0) continue
      findings.push({ profile, credential, expiresAt, ...due })
    }
    if (findings.length === 0) return
    await store.apply(
      findings.map(({ credential, forget, record }) => ({
        credentialId: credential.id,
        forget,
        record,
      })),
      now,
    )
    for (const finding of findings) {
      remember(known, finding, now)
      publish(finding, now)
    }
  }

  function publish({ profile, credential, expiresAt, forget, announce }: Finding, now: number) {
    if (forget.length > 0) renewed(profile.id, credential.id)
    if (announce === undefined) return
    const expiry: CredentialExpiry = {
      profileId: profile.id,
      credentialId: credential.id,
      expiresAt,
      daysLeft: daysLeft(expiresAt, now),
    }
    const proven = credential.expirySource === 'proven'
    if (announce === END) {
      log.warn({ ...expiry, proven }, 'credential ended')
      events.emit('credential.expired', { ...expiry, proven })
    } else {
      log.warn({ ...expiry, thresholdDays: announce }, 'credential ends soon')
      events.emit('credential.expiring', { ...expiry, thresholdDays: announce })
    }
  }

  function renewed(profileId: string, credentialId: string | null): void {
    log.info({ profileId, credentialId }, 'credential renewed')
    events.emit('credential.renewed', { profileId, credentialId })
  }

  async function replaced(profile: Profile, previous: Profile): Promise<void> {
    known ??= await store.all()
    const former = previous.credential?.id
    if (former !== undefined && former !== profile.credential?.id && known.delete(former)) {
      renewed(profile.id, profile.credential?.id ?? null)
    }
    await look(current(profile.id))
  }

  /** A later change may already have overtaken the one that the event tells of. */
  function current(profileId: string): readonly Profile[] {
    const profile = profiles.find(profileId)
    return profile === undefined ? [] : [profile]
  }

  const subscriptions = [
    events.on('profile.created', ({ profile }) => inTurn(() => look(current(profile.id)))),
    events.on('profile.changed', ({ profile, previous }) =>
      inTurn(() => replaced(profile, previous)),
    ),
    events.on('credential.ended', ({ profile }) => inTurn(() => look(current(profile.id)))),
    events.on('profile.removed', ({ profile }) =>
      inTurn(async () => {
        if (profile.credential !== null) known?.delete(profile.credential.id)
      }),
    ),
  ]

  const scan = () => inTurn(() => look(profiles.list()))

  async function run(): Promise<void> {
    while (!stop.signal.aborted) {
      await scan().catch((error: unknown) => {
        log.error({ err: error }, messageOf(error))
      })
      await clock.sleep(SCAN_EVERY_MS, stop.signal).catch(() => {})
    }
  }

  return {
    scan,
    start() {
      loop = run()
    },
    async [Symbol.asyncDispose]() {
      stop.abort()
      for (const end of subscriptions) end()
      await loop
      await last
    },
  }
}

function remember(known: Map<string, Reminders>, finding: Finding, now: number): void {
  const reminders: Reminders = known.get(finding.credential.id) ?? new Map()
  for (const threshold of finding.forget) reminders.delete(threshold)
  for (const threshold of finding.record) reminders.set(threshold, now)
  if (reminders.size === 0) known.delete(finding.credential.id)
  else known.set(finding.credential.id, reminders)
}
