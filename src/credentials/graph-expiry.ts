import { diagnose, type Failure } from '../diagnosis/index.ts'
import {
  type CredentialMatch,
  type GraphApplication,
  type GraphClient,
  matchCredential,
  newerThan,
} from '../entra/index.ts'
import { type Clock, DAY_MS, HOUR_MS, MINUTE_MS, toIso, toIsoDay } from '../platform/clock.ts'
import { messageOf } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { CredentialFacts, Profile, ProfileEvents, Profiles } from '../profiles/index.ts'
import { diagnosisContext, type Evidence, type GraphWord } from '../verification/index.ts'
import type { GraphFinding } from './api.ts'
import type { CredentialEvents } from './credentials.ts'

/** Reads from Graph when the credential in use really ends, where the application may. */
export interface GraphExpiry extends AsyncDisposable {
  /** Asks for the profile that has waited longest, if one is due. */
  checkNext(): Promise<void>
  start(): void
  /** What Graph said about the credential in use. */
  findingOf(profileId: string): GraphFinding | undefined
  /** The same for whoever judges a refusal. */
  readonly evidence: Evidence
}

export interface GraphExpiryDeps {
  profiles: Pick<Profiles, 'credentials' | 'find' | 'list' | 'openCredential' | 'recordGraphExpiry'>
  graph: Pick<GraphClient, 'readApplication'>
  clock: Clock
  log: Logger
  events: EventBus<CredentialEvents & ProfileEvents>
}

/** One profile at each tick, so that many are spread over the day and what was just saved is verified first. */
const TICK_MS = MINUTE_MS
const RETRY_MS = 6 * HOUR_MS
const NOT_PERMITTED =
  'The app may not read its own registration in Graph (Application.Read.All), so the typed date counts.'

interface Known {
  readonly credentialId: string
  readonly checkedAt: number
  /** Saved or exchanged since. */
  readonly stale: boolean
  readonly finding: GraphFinding | undefined
}

export function createGraphExpiry(deps: GraphExpiryDeps): GraphExpiry {
  const { profiles, graph, clock, log, events } = deps
  const known = new Map<string, Known>()
  /** The last answer outlives a later failure: it says when it was given. */
  const words = new Map<string, GraphWord>()
  /** Whose last answer is too old for whoever judges by it. */
  const wanted = new Set<string>()
  /** Who was told about what, so that the log is not told every day. */
  const told = new Map<string, string>()
  const stop = new AbortController()
  const { signal } = stop
  let last: Promise<void> = Promise.resolve()
  let loop: Promise<void> = Promise.resolve()

  function isDue({ id, authentication, credential }: Profile): boolean {
    if (authentication.type !== 'exchangeOnline' || !credential?.readable) return false
    // Entra gives no token for a credential that has ended.
    if (credential.expirySource === 'proven') return false
    const before = known.get(id)
    if (
      wanted.has(id) ||
      before === undefined ||
      before.stale ||
      before.credentialId !== credential.id
    )
      return true
    const age = clock.now() - before.checkedAt
    return age < 0 || age >= (before.finding?.state === 'failed' ? RETRY_MS : DAY_MS)
  }

  async function check(): Promise<void> {
    const waitedFrom = ({ id }: Profile) => known.get(id)?.checkedAt ?? 0
    const [profile] = profiles
      .list()
      .filter(isDue)
      .sort((a, b) => waitedFrom(a) - waitedFrom(b))
    if (profile === undefined || profile.credential === null || signal.aborted) return
    const { credential } = profile
    const remember = (finding: GraphFinding | undefined) => {
      const now = clock.now()
      known.set(profile.id, { credentialId: credential.id, checkedAt: now, stale: false, finding })
    }
    wanted.delete(profile.id)
    // First of all: whatever goes wrong, it is not tried again at once.
    remember(undefined)
    try {
      const finding = await ask(profile, credential)
      // What was changed meanwhile is asked about anew.
      const isStale = known.get(profile.id)?.stale === true
      if (profiles.find(profile.id)?.credential?.id === credential.id && !isStale) remember(finding)
    } catch (error) {
      if (!signal.aborted) log.error({ profileId: profile.id, err: error }, messageOf(error))
    }
  }

  async function ask(profile: Profile, facts: CredentialFacts): Promise<GraphFinding | undefined> {
    const { authentication, id } = profile
    if (authentication.type !== 'exchangeOnline') return undefined
    const credential = await profiles.openCredential(profile)
    if (credential === undefined || credential.type === 'password') return undefined
    const { cloud, tenantId, clientId } = authentication
    const access = { cloud, tenantId, clientId, credential }
    const outcome = await graph.readApplication(access, { signal })
    if (!outcome.ok) return unread(profile, outcome.failure)
    if (known.get(id)?.stale === true) return undefined
    const { objectId, passwordCredentials: secrets } = outcome.value
    words.set(id, { clientId, registrationObjectId: objectId, secrets, askedAt: clock.now() })
    const match = matchOf(outcome.value, id, facts)
    const endsAt = match?.credential.endsAt ?? null
    if (endsAt !== null) await profiles.recordGraphExpiry(id, facts.id, endsAt)
    return read(profile, outcome.value, match)
  }

  function matchOf(
    application: GraphApplication,
    profileId: string,
    { id, hint, type }: CredentialFacts,
  ): CredentialMatch | undefined {
    const keyId = profiles.credentials(profileId).find((one) => one.id === id)?.keyId ?? null
    const traits =
      type === 'certificate'
        ? { hint: null, keyId, thumbprint: hint }
        : { hint, keyId, thumbprint: null }
    // Graph was asked with this credential, so one that ended before is another one that looks alike.
    const lives = ({ endsAt }: { endsAt: number | null }) => endsAt === null || endsAt > clock.now()
    const living = {
      passwordCredentials: application.passwordCredentials.filter(lives),
      keyCredentials: application.keyCredentials.filter(lives),
    }
    return matchCredential(living, traits) ?? matchCredential(application, traits)
  }

  function read(
    { id }: Profile,
    application: GraphApplication,
    match: CredentialMatch | undefined,
  ): GraphFinding {
    const newer = match === undefined ? [] : newerThan(application, match.credential)
    tell(
      id,
      newer.length > 0 ? 'newer' : 'read',
      'Entra lists a newer credential than the one in use',
    )
    const all = [...application.passwordCredentials, ...application.keyCredentials]
    return {
      checkedAt: toIso(clock.now()),
      state: 'read',
      detail: detailOf(match),
      others: all
        .filter(({ keyId }) => keyId !== match?.credential.keyId)
        .map(({ type, displayName, keyId, endsAt }) => ({
          type: type === 'password' ? 'clientSecret' : 'certificate',
          displayName,
          keyId,
          endsAt: endsAt === null ? null : toIso(endsAt),
        })),
      newerExists: newer.length > 0,
      ambiguous: match?.ambiguous === true,
    }
  }

  function unread(profile: Profile, failure: Failure): GraphFinding {
    const isForbidden = failure.source === 'graph' && failure.status === 403
    const empty = { others: [], newerExists: false, ambiguous: false }
    const checkedAt = toIso(clock.now())
    if (isForbidden) {
      tell(profile.id, 'notPermitted', NOT_PERMITTED)
      return { checkedAt, state: 'notPermitted', detail: NOT_PERMITTED, ...empty }
    }
    const { summary, code } = diagnose(failure, diagnosisContext(profile, { now: clock.now() }))
    tell(profile.id, `failed ${code}`, 'the end of the credential could not be read from Graph')
    const detail = `The end could not be read from Graph, so the date known so far counts: ${summary}`
    return { checkedAt, state: 'failed', detail, ...empty }
  }

  function tell(profileId: string, what: string, message: string): void {
    if (what !== 'read' && told.get(profileId) !== what) log.info({ profileId }, message)
    told.set(profileId, what)
  }

  function markStale(profileId: string): void {
    const before = known.get(profileId)
    if (before !== undefined) known.set(profileId, { ...before, stale: true, finding: undefined })
  }

  const subscriptions = [
    events.on('profile.saved', ({ profile }) => markStale(profile.id)),
    events.on('credential.activated', ({ profileId }) => markStale(profileId)),
    events.on('profile.removed', ({ profile }) => {
      known.delete(profile.id)
      words.delete(profile.id)
      wanted.delete(profile.id)
      told.delete(profile.id)
    }),
  ]

  /** One at a time. */
  function checkNext(): Promise<void> {
    last = last.then(check)
    return last
  }

  async function repeat(): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(TICK_MS, signal).catch(() => {})
      if (!signal.aborted) await checkNext()
    }
  }

  return {
    checkNext,
    evidence: {
      graph: (profileId) => words.get(profileId),
      askGraph: (profileId) => void wanted.add(profileId),
    },
    start() {
      loop = repeat()
    },
    findingOf(profileId) {
      const present = known.get(profileId)
      const inUse = profiles.find(profileId)?.credential?.id
      return present?.credentialId === inUse ? present?.finding : undefined
    },
    async [Symbol.asyncDispose]() {
      for (const end of subscriptions) end()
      stop.abort(new Error('postern is stopping'))
      await loop
      await last
    },
  }
}

function detailOf(match: CredentialMatch | undefined): string {
  if (match === undefined) {
    return 'Graph lists no credential of the app that looks like the stored one, so the date known so far counts.'
  }
  const { credential, ambiguous } = match
  if (credential.endsAt === null) {
    return 'Graph shows no end of the stored credential, so the date known so far counts.'
  }
  const day = toIsoDay(credential.endsAt)
  return ambiguous
    ? `Graph lists several credentials that look like the stored one; the first of them ends on ${day} (UTC).`
    : `Graph says that the stored credential ends on ${day} (UTC).`
}
