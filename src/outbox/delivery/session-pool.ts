import type { Failure } from '../../diagnosis/index.ts'
import type { TokenSource } from '../../entra/index.ts'
import { type Clock, MINUTE_MS } from '../../platform/clock.ts'
import type { Profile, Profiles } from '../../profiles/index.ts'
import type { Mailbox, MailboxSlots, Slot, SmtpSession, SmtpSessions } from '../../smtp/index.ts'
import { isTokenRefused, openLogin } from '../../verification/index.ts'

/** A logged-in connection of the pool, in the hands of one message at a time. */
export interface Lease {
  readonly session: SmtpSession
  readonly profileId: string
  /** Of the token that it was opened with. */
  readonly servicePrincipalObjectId: string | null
  /** It has carried messages before. */
  readonly isReused: boolean
  /** The commit about its last message: the next one must not be taken over before. */
  settled: Promise<unknown>
}

export type LeaseOutcome =
  | { readonly ok: true; readonly lease: Lease }
  | {
      readonly ok: false
      readonly failure: Failure
      readonly servicePrincipalObjectId: string | null
    }

/** The connections of one mailbox. */
export interface SessionPool {
  /**
   * `fresh`: not one that was used before. `patient`: a person waits for the answer. Rejects when the signal is aborted,
   * and when the profile is gone.
   */
  acquire(
    profileId: string,
    options: { fresh: boolean; patient: boolean; signal: AbortSignal },
  ): Promise<LeaseOutcome>
  give(lease: Lease): void
  hasIdle(profileId: string): boolean
  /** Connections of these settings or this credential are void. */
  renew(profileId: string): void
  /** Closes idle ones above this number. */
  trim(most: number): void
  /** Closes what is idle, and what comes back from now on. */
  close(): Promise<void>
}

export interface SessionPoolDeps {
  mailbox: Mailbox
  connections: () => number
  sessions: SmtpSessions
  slots: MailboxSlots
  profiles: Profiles
  tokens: TokenSource
  clock: Clock
  monotonicMs: () => number
}

/** Exchange Online cuts an idle connection after 5 to 10 minutes; a place at the mailbox is for those who use it. */
const IDLE_MS = MINUTE_MS
/**
 * Exchange Online ends sessions after about 20 minutes. It looks at the token's end at the login alone, and a token that
 * is handed out has a fifth of its hour left.
 */
const LIFE_MS = 10 * MINUTE_MS

interface Member extends Lease {
  readonly slot: Slot
  readonly generation: number
  readonly openedAt: number
  idleSince: number
  isReused: boolean
  endWanted: () => void
}

export function createSessionPool(deps: SessionPoolDeps): SessionPool {
  const { mailbox, connections, sessions, slots, profiles, tokens, clock, monotonicMs } = deps
  /** The one used last is at the end. */
  const idle: Member[] = []
  const members = new Map<Lease, Member>()
  const generations = new Map<string, number>()
  const closings = new Set<Promise<void>>()
  let sweeping: AbortController | undefined
  let isClosed = false

  const generationOf = (profileId: string) => generations.get(profileId) ?? 0

  function isSpent(member: Member): boolean {
    const { session, slot, profileId, generation, openedAt } = member
    return (
      isClosed ||
      !session.usable ||
      slot.wanted ||
      generation !== generationOf(profileId) ||
      monotonicMs() - openedAt >= LIFE_MS
    )
  }

  /** Its place is free when the server sees it closed and its last message is written down. */
  function retire(member: Member): Promise<void> {
    member.endWanted()
    members.delete(member)
    const closing = (async () => {
      await member.session.quit().catch(() => member.session.close())
      await member.settled.catch(() => {})
      member.slot.release()
    })().finally(() => closings.delete(closing))
    closings.add(closing)
    return closing
  }

  function retireIdle(isMeant: (member: Member) => boolean): void {
    for (const member of idle.filter(isMeant)) {
      idle.splice(idle.indexOf(member), 1)
      void retire(member)
    }
  }

  /** One sleeper for all that are idle. */
  async function sweep(signal: AbortSignal): Promise<void> {
    for (let oldest = idle[0]; oldest !== undefined; oldest = idle[0]) {
      await clock.sleep(Math.max(1, oldest.idleSince + IDLE_MS - monotonicMs()), signal)
      retireIdle((m) => isSpent(m) || monotonicMs() - m.idleSince >= IDLE_MS)
    }
  }

  function startSweep(): void {
    if (sweeping !== undefined) return
    const own = new AbortController()
    sweeping = own
    sweep(own.signal)
      // It ends only by being stopped.
      .catch(() => {})
      .finally(() => {
        if (sweeping === own) sweeping = undefined
      })
  }

  function takeIdle(profileId: string): Member | undefined {
    retireIdle(isSpent)
    const member = idle.findLast((known) => known.profileId === profileId)
    if (member !== undefined) idle.splice(idle.indexOf(member), 1)
    return member
  }

  /** A place at the mailbox; an idle connection of ours that cannot be used here makes room. */
  async function place(signal: AbortSignal): Promise<Slot> {
    const own = members.size + closings.size
    const [spare] = idle
    if (spare !== undefined && own >= connections()) {
      idle.shift()
      void retire(spare)
    }
    return slots.acquire(mailbox, { most: connections(), urgent: false, signal })
  }

  /** 535 5.7.3 to a remembered token: a right may have been granted since, so a new token decides. */
  async function open(
    profileId: string,
    patient: boolean,
    signal: AbortSignal,
  ): Promise<LeaseOutcome | { readonly ok: true; readonly login: Login }> {
    for (const fresh of ['any', 'always'] as const) {
      const profile = profiles.get(profileId)
      const access = await openLogin(deps, profile, { fresh, patient, signal })
      if (!access.ok) return { ...access, servicePrincipalObjectId: null }
      const { authentication, servicePrincipalObjectId, fromCache } = access.value
      const { server } = profile
      const opened = await sessions.open({ server, authentication, signal })
      if (opened.ok) {
        return { ok: true, login: { session: opened.value, servicePrincipalObjectId } }
      }
      const { failure } = opened
      if (fresh === 'always' || !fromCache || !isTokenRefused(failure)) {
        return { ok: false, failure, servicePrincipalObjectId }
      }
      dropTokens(profile)
    }
    throw new TypeError('the second try has always an answer')
  }

  function dropTokens({ authentication }: Profile): void {
    if (authentication.type !== 'exchangeOnline') return
    tokens.drop(authentication.tenantId, authentication.clientId)
  }

  return {
    async acquire(profileId, { fresh, patient, signal }) {
      const known = fresh ? undefined : takeIdle(profileId)
      if (known !== undefined) {
        known.isReused = true
        return { ok: true, lease: known }
      }
      const slot = await place(signal)
      try {
        const generation = generationOf(profileId)
        const outcome = await open(profileId, patient, signal)
        if (!('login' in outcome)) {
          slot.release()
          return outcome
        }
        const { session, servicePrincipalObjectId } = outcome.login
        const member: Member = {
          session,
          profileId,
          servicePrincipalObjectId,
          isReused: false,
          settled: Promise.resolve(),
          slot,
          generation,
          openedAt: monotonicMs(),
          idleSince: 0,
          endWanted: () => {},
        }
        member.endWanted = slot.onWanted(() => retireIdle((other) => other === member))
        members.set(member, member)
        return { ok: true, lease: member }
      } catch (error) {
        slot.release()
        throw error
      }
    },

    give(lease) {
      const member = members.get(lease)
      if (member === undefined) return
      if (isSpent(member)) {
        void retire(member)
        return
      }
      member.idleSince = monotonicMs()
      idle.push(member)
      startSweep()
    },

    hasIdle: (profileId) => idle.some((member) => member.profileId === profileId),

    renew(profileId) {
      generations.set(profileId, generationOf(profileId) + 1)
      retireIdle(isSpent)
    },

    trim(most) {
      let surplus = idle.length - most
      retireIdle(() => surplus-- > 0)
    },

    async close() {
      isClosed = true
      sweeping?.abort(new Error('the connections are closed'))
      retireIdle(() => true)
      await Promise.all(closings)
    },
  }
}

interface Login {
  readonly session: SmtpSession
  readonly servicePrincipalObjectId: string | null
}
