import type { Diagnosis, DiagnosisContext } from '../diagnosis/index.ts'
import { parseInstant } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { ExchangeOnlineAuthentication, Profile } from '../profiles/index.ts'
import {
  type Check,
  diagnosisContext,
  type LastTestEmail,
  type Report,
  type ReportSummary,
  type TestEmailOutcomes,
  type TokenFacts,
  type Verification,
} from '../verification/index.ts'

/** What is known about a profile's setup. Only what was seen with the present settings proves anything. */
export interface SetupFacts {
  readonly profile: Profile
  readonly context: DiagnosisContext
  /** The newest one of the present settings. */
  readonly report: Report | null
  /** There are reports, but all of earlier settings. */
  readonly isOutdated: boolean
  /** The newest token's words about the application of the profile; its Object ID outlives a change of the settings. */
  readonly token: TokenFacts | null
  /** When the server last accepted a message of the present settings. */
  readonly deliveredAt: number | null
  /** Why the server did not take the newest message over; null when it has taken one since. */
  readonly messageRefusal: Diagnosis | null
  /** The last test email of the present settings, when it was refused and no message was accepted since. */
  readonly refusedTestEmail: RefusedTestEmail | null
}

export interface RefusedTestEmail {
  readonly at: number
  readonly recipient: string
  readonly diagnosis: Diagnosis
}

/** So many reports are searched for a token and for a try with a message. */
const REPORTS_SEARCHED = 50

export async function gatherFacts(
  deps: {
    verification: Verification
    testEmails: Pick<TestEmailOutcomes, 'lastOf'>
    now: number
  },
  profile: Profile,
): Promise<SetupFacts> {
  const { verification, testEmails, now } = deps
  const { authentication, updatedAt } = profile
  const all = await stored(() => verification.reports(profile.id, { limit: REPORTS_SEARCHED }), [])
  const current = all.filter(({ startedAt }) => at(startedAt) >= updatedAt)
  const token = authentication.type === 'exchangeOnline' ? newestToken(all, authentication) : null
  const { lastDeliveredAt } = verification.healthOf(profile.id)
  const deliveredAt =
    lastDeliveredAt !== null && lastDeliveredAt >= updatedAt ? lastDeliveredAt : null
  const report = await read(verification, current[0])
  const withMessage = current.find((summary) => summary.withMessage)
  const tried = withMessage?.id === report?.id ? report : await read(verification, withMessage)
  const isLater = tried !== null && (deliveredAt === null || at(tried.finishedAt) > deliveredAt)
  const refusal = isLater && isBehindLogin(tried.diagnosis) ? tried.diagnosis : null
  const since = Math.max(updatedAt, (deliveredAt ?? 0) + 1)
  const refusedTestEmail = refusedSince(testEmails.lastOf(profile.id), since)
  const isNewest = (refusedTestEmail?.at ?? 0) > at(tried?.finishedAt ?? '')
  const ofTest = isBehindLogin(refusedTestEmail?.diagnosis ?? null) ? refusedTestEmail : null
  return {
    profile,
    context: diagnosisContext(profile, { now, servicePrincipalObjectId: token?.oid }),
    report,
    isOutdated: all.length > 0 && current.length === 0,
    token,
    deliveredAt,
    messageRefusal: isNewest
      ? (ofTest?.diagnosis ?? refusal)
      : (refusal ?? ofTest?.diagnosis ?? null),
    refusedTestEmail,
  }
}

export function outcomeOf(facts: SetupFacts, name: Check['name']): Check['outcome'] | null {
  return facts.report?.checks.find((check) => check.name === name)?.outcome ?? null
}

/** A warning does not stop mail. */
export function passed(facts: SetupFacts, name: Check['name']): boolean {
  const outcome = outcomeOf(facts, name)
  return outcome === 'ok' || outcome === 'warning'
}

function refusedSince(last: LastTestEmail | undefined, since: number): RefusedTestEmail | null {
  if (last === undefined || last.diagnosis === null || last.at < since) return null
  return { at: last.at, recipient: last.recipient, diagnosis: last.diagnosis }
}

/** What comes before the message, the newest run of any kind tells. */
export function isBehindLogin(diagnosis: Diagnosis | null): boolean {
  return ['mail', 'rcpt', 'data', 'message'].includes(diagnosis?.answer.step ?? '')
}

function newestToken(
  summaries: readonly ReportSummary[],
  { clientId }: ExchangeOnlineAuthentication,
): TokenFacts | null {
  const own = summaries.find(
    ({ tokenFacts }) => tokenFacts?.appid?.toLowerCase() === clientId.toLowerCase(),
  )
  return own?.tokenFacts ?? null
}

async function read(
  verification: Verification,
  summary: ReportSummary | undefined,
): Promise<Report | null> {
  return summary === undefined ? null : stored(() => verification.report(summary.id), null)
}

/** A report that was deleted meanwhile or cannot be read must not block the page that helps. */
async function stored<T>(load: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await load()
  } catch (error) {
    const codes = ['report_not_found', 'report_unreadable']
    if (error instanceof PosternError && codes.includes(error.code)) return otherwise
    throw error
  }
}

function at(instant: string): number {
  return parseInstant(instant) ?? 0
}
