import type { NotifierEvents, Outbox, OutboxEvents } from '../outbox/index.ts'
import { type Clock, DAY_MS, parseInstant } from '../platform/clock.ts'
import type { EventBus } from '../platform/events.ts'
import type { ProfileEvents, Profiles } from '../profiles/index.ts'
import type { Alerts, Problem } from './alerts.ts'
import { messages, minute } from './mail-problems.ts'

/** One alert about the mail of all removed profiles. It belongs to none of them: their alerts went with them. */
const ORPHANED = 'mailOfRemovedProfiles'

export interface OrphanRulesDeps {
  alerts: Alerts
  profiles: Pick<Profiles, 'find'>
  outbox: Pick<Outbox, 'queueOf' | 'orphaned'>
  clock: Clock
  events: EventBus<OutboxEvents & NotifierEvents & ProfileEvents>
  inTurn: (work: () => Promise<void>) => Promise<void>
}

/** Mail of profiles that do not exist any more: it waits, and in the end it fails. */
export interface OrphanRules extends Disposable {
  /** To be called in turn, each minute. */
  judge(): Promise<void>
}

interface Waiting {
  readonly profileId: string
  readonly count: number
  readonly oldestAt: number | null
}

/** Failed in this run of the agent. */
interface Lost {
  readonly count: number
  readonly at: number
}

/** After a day without another failure, the alert has been seen or never will be. */
const LOST_MS = DAY_MS
const MOST_NAMED = 10
const MOST_OPEN = 1_000

export function createOrphanRules(deps: OrphanRulesDeps): OrphanRules {
  const { alerts, profiles, outbox, clock, events, inTurn } = deps
  const lost = new Map<string, Lost>()

  function waitingNow(): readonly Waiting[] {
    return outbox.orphaned().map((profileId) => {
      const { queued, held, oldestAcceptedAt } = outbox.queueOf(profileId)
      return { profileId, count: queued + held, oldestAt: oldestAcceptedAt }
    })
  }

  async function judge(): Promise<void> {
    await update(false)
  }

  async function update(escalate: boolean): Promise<void> {
    const now = clock.now()
    for (const [profileId, { at }] of lost) {
      if (profiles.find(profileId) !== undefined || now >= at + LOST_MS) lost.delete(profileId)
    }
    const waiting = waitingNow()
    if (waiting.length > 0 || lost.size > 0) {
      return alerts.open({ ...orphanedProblem(waiting, lost), escalate })
    }
    if (alerts.summaryOf(null).open === 0) return
    // What an earlier run of the agent has told as failed stays for its day.
    const open = await alerts.list({ state: 'open', limit: MOST_OPEN })
    const told = open.find(({ kind, profileId }) => kind === 'failuresUntold' && profileId === null)
    if (told !== undefined && !isOver(told.updatedAt, now)) return
    await alerts.resolve(ORPHANED, 'No mail of a removed profile waits any more.')
  }

  const subscriptions = [
    events.on('outbox.held', ({ hold }) =>
      profiles.find(hold.profileId) === undefined ? inTurn(judge) : undefined,
    ),
    events.on('profile.removed', () => inTurn(judge)),
    events.on('profile.created', () => inTurn(judge)),
    events.on('failures.unreported', ({ profileId, messages: count, at }) => {
      if (profiles.find(profileId) !== undefined) return undefined
      return inTurn(async () => {
        const former = lost.get(profileId)
        lost.set(profileId, { count: (former?.count ?? 0) + count, at })
        // Told again only once: the rest of the same mail fails soon after.
        await update(former === undefined)
      })
    }),
  ]

  return {
    judge,
    [Symbol.dispose]() {
      for (const end of subscriptions) end()
    },
  }
}

function orphanedProblem(waiting: readonly Waiting[], lost: ReadonlyMap<string, Lost>): Problem {
  const failed = [...lost].map(([profileId, facts]) => ({ profileId, ...facts }))
  const sentences = [
    ...(failed.length === 0 ? [] : [`${named(failed)} failed, and nobody was told.`]),
    ...(waiting.length === 0 ? [] : [`${named(waiting)} ${verb(waiting)}.`]),
  ]
  const ids = waiting.map(({ profileId }) => `“${profileId}”`)
  const create = `creates ${ids.length === 1 ? 'the profile' : 'the profiles'} ${listed(ids)} again: then the mail goes out by itself; or cancels the messages (GET /api/v1/messages lists them)`
  const look = 'reads in GET /api/v1/messages what failed, and has it sent in another way'
  return {
    problem: ORPHANED,
    kind: waiting.length > 0 ? 'mailHeld' : 'failuresUntold',
    profileId: null,
    severity: 'critical',
    summary: sentences.join(' '),
    diagnosis: null,
    advice: {
      cause: 'A profile was removed while mail for it was waiting.',
      responsible: 'operator',
      remedy: `The operator of Postern ${waiting.length > 0 ? create : look}.`,
      commands: [],
    },
    details: [
      ...waiting.slice(0, MOST_NAMED).map(waitingLine),
      ...failed
        .slice(0, MOST_NAMED)
        .map(
          ({ profileId, count, at }) =>
            `Profile “${profileId}”: ${messages(count)} failed, the last at ${minute(at)}.`,
        ),
    ],
  }
}

function waitingLine({ profileId, count, oldestAt }: Waiting): string {
  const since = oldestAt === null ? '' : `, the oldest since ${minute(oldestAt)}`
  return `Profile “${profileId}”: ${messages(count)} ${count === 1 ? 'waits' : 'wait'}${since}. What is kept for too long fails.`
}

/** `12 messages of the removed profile “x”` */
function named(parts: readonly { readonly profileId: string; readonly count: number }[]): string {
  const count = parts.reduce((sum, part) => sum + part.count, 0)
  const ids = parts.map(({ profileId }) => `“${profileId}”`)
  return `${messages(count)} of the removed ${ids.length === 1 ? 'profile' : 'profiles'} ${listed(ids)}`
}

function verb(parts: readonly { readonly count: number }[]): string {
  return parts.length === 1 && parts[0]?.count === 1
    ? 'waits and cannot be sent'
    : 'wait and cannot be sent'
}

function listed(ids: readonly string[]): string {
  const rest = ids.length - MOST_NAMED
  return ids.slice(0, MOST_NAMED).join(', ') + (rest > 0 ? ` and ${rest} more` : '')
}

/** For the status: what waits, in one sentence; undefined when nothing does. */
export function orphanedSummary(outbox: Pick<Outbox, 'queueOf' | 'orphaned'>): string | undefined {
  const parts = outbox.orphaned().map((profileId) => {
    const { queued, held } = outbox.queueOf(profileId)
    return { profileId, count: queued + held, oldestAt: null }
  })
  return parts.length === 0 ? undefined : orphanedProblem(parts, new Map()).summary
}

function isOver(updatedAt: string, now: number): boolean {
  return now >= (parseInstant(updatedAt) ?? now) + LOST_MS
}
