import { type Diagnosis, type GuideStep, waitingWords } from '../diagnosis/index.ts'
import { REQUIRED_ROLE } from '../entra/index.ts'
import { parseInstant, toIso, toIsoDay } from '../platform/clock.ts'
import { mailboxOf, type Profile } from '../profiles/index.ts'
import type { StepState } from './api.ts'
import {
  isBehindLogin,
  outcomeOf,
  passed,
  type RefusedTestEmail,
  type SetupFacts,
} from './facts.ts'

export interface Judgement {
  readonly state: StepState
  readonly evidence: string
  readonly diagnosis: Diagnosis | null
}

/** The state of a step by what the newest run and the last delivery have shown. */
export function judge(step: GuideStep, facts: SetupFacts): Judgement {
  if (step === 'verification') return judgeVerification(facts)
  if (step === 'test-email') return judgeTestEmail(facts)
  const refusal = refusalAt(step, facts)
  if (refusal !== undefined) return refused(refusal, facts)
  const missing = missingFor(step, facts)
  if (missing !== undefined) return { state: 'todo', evidence: missing, diagnosis: null }
  const proof = proofOf(step, facts)
  if (proof !== undefined) return { state: 'done', evidence: proof, diagnosis: null }
  return { state: 'unknown', evidence: unproven(step, facts), diagnosis: null }
}

function refusalAt(step: GuideStep, facts: SetupFacts): Diagnosis | undefined {
  const refusals = [facts.report?.diagnosis, facts.messageRefusal]
  return refusals.find((refusal) => refusal?.guideStep === step) ?? undefined
}

/**
 * Right after a change a refusal tells nothing: the step may be done and still spreading. When that time is over, the
 * next try tells.
 */
function refused(diagnosis: Diagnosis, { context }: SetupFacts): Judgement {
  const { answer, summary } = diagnosis
  const waiting = waitingWords(diagnosis)
  const seen = `${summary} The answer: “${shorten(answer.text)}”`
  if (waiting === undefined) return { state: 'failed', evidence: seen, diagnosis }
  const ifDone = `${seen} If this step was done a short time ago: ${waiting}.`
  return isOver(diagnosis, context.now)
    ? { state: 'unknown', evidence: `${ifDone} That time is over: try it again.`, diagnosis }
    : { state: 'todo', evidence: `${ifDone} Otherwise do it now.`, diagnosis }
}

function isOver({ waitingUntil }: Diagnosis, now: number): boolean {
  return waitingUntil !== null && (parseInstant(waitingUntil) ?? 0) <= now
}

function missingFor(step: GuideStep, { profile }: SetupFacts): string | undefined {
  const { authentication, credential } = profile
  if (authentication.type === 'none') return undefined
  const what = credentialName(profile)
  if (step === 'client-secret' && credential === null) return `No ${what} is stored yet.`
  if (step !== 'email-settings') return undefined
  if (credential === null) return `The ${what} is still to be entered.`
  if (!credential.readable) {
    return `The stored ${what} was sealed with another master key: enter it again.`
  }
  return undefined
}

/** What proves the step; undefined when nothing does. */
function proofOf(step: GuideStep, facts: SetupFacts): string | undefined {
  const { profile, report, token, deliveredAt } = facts
  const mailbox = mailboxOf(profile)
  const login = passed(facts, 'authAccepted')
  const delivered =
    deliveredAt === null ? undefined : `accepted a message at ${minute(deliveredAt)}`
  switch (step) {
    case 'app-registration':
      return applicationProof(facts)
    case 'client-secret':
      if (!passed(facts, 'tokenIssued')) return undefined
      return `Microsoft Entra has accepted the ${credentialName(profile)}${ending(profile)}.`
    case 'api-permissions':
    case 'admin-consent': {
      const roles = report?.tokenFacts?.roles ?? []
      if (!roles.includes(REQUIRED_ROLE)) return undefined
      return `The token carries the roles ${roles.join(', ')}.`
    }
    case 'enterprise-application':
      if (typeof token?.oid !== 'string') return undefined
      return `The token names it: oid ${token.oid}. This is the Object ID for New-ServicePrincipal.`
    case 'service-principal':
      if (login) return `Exchange Online has accepted the login for ${mailbox}.`
      // The switch is looked at only after token, service account and mailbox are found in order.
      return refusalAt('smtp-auth', facts) === undefined
        ? undefined
        : 'Exchange Online has found service account and mailbox; only SMTP AUTH is switched off.'
    case 'mailbox-permission':
      return delivered && `Exchange Online has ${delivered}.`
    case 'application-role':
      return login ? `Exchange Online has accepted the login for ${mailbox}.` : undefined
    case 'smtp-auth':
      return login ? `Exchange Online has accepted the login for ${mailbox}.` : undefined
    case 'email-settings':
      return savedProof(profile)
    case 'verification':
    case 'test-email':
      return undefined
  }
}

/** Entra looks at the secret only after it has found the application in the tenant. */
function applicationProof(facts: SetupFacts): string | undefined {
  const { clientId, tenantId } = facts.context
  const named = `the application ${clientId} in the tenant ${tenantId}`
  if (passed(facts, 'tokenIssued')) return `Microsoft Entra has issued a token for ${named}.`
  const { diagnosis } = facts.report ?? {}
  const aboutSecret =
    diagnosis?.guideStep === 'client-secret' && diagnosis.answer.source === 'entra'
  return aboutSecret ? `Microsoft Entra knows ${named}; it refuses the credential only.` : undefined
}

function savedProof({ senderEmailAddress, server, warnings }: Profile): string {
  const way = `${senderEmailAddress} by ${server.host}:${server.port} (${server.security})`
  return [`The settings are saved: ${way}.`, ...warnings.map(({ message }) => message)].join(' ')
}

function unproven(step: GuideStep, facts: SetupFacts): string {
  const { report, isOutdated, token } = facts
  if (report === null) {
    return isOutdated
      ? 'The settings were changed after the last verification: verify again.'
      : 'Not verified yet.'
  }
  if (step === 'api-permissions' && outcomeOf(facts, 'tokenRole') === 'failed') {
    const roles = token?.roles.join(', ') || 'no roles'
    return `The token carries ${roles}: either the permission was not added, or only the admin consent is missing. API permissions shows which.`
  }
  if (step === 'mailbox-permission' && report.diagnosis === null) {
    return 'A login does not show it: it is proven when a message is handed over. Send a test email.'
  }
  const { diagnosis } = report
  return diagnosis === null
    ? 'The last verification does not show it.'
    : `The last verification ended before this could be seen: ${diagnosis.summary}`
}

function judgeVerification(facts: SetupFacts): Judgement {
  const { report, isOutdated } = facts
  if (report === null) {
    const evidence = isOutdated
      ? 'The settings were changed after the last verification.'
      : 'The settings were not verified yet.'
    return { state: 'todo', evidence, diagnosis: null }
  }
  const { diagnosis, outcome } = report
  const when = `The verification of ${minute(report.finishedAt)}`
  if (outcome === 'failed') {
    if (diagnosis !== null) return refused(diagnosis, facts)
    return { state: 'failed', evidence: `${when} failed.`, diagnosis }
  }
  const how = outcome === 'ok' ? 'every check passed' : 'passed with warnings'
  return { state: 'done', evidence: `${when}: ${how}.`, diagnosis }
}

function judgeTestEmail(facts: SetupFacts): Judgement {
  const { deliveredAt, messageRefusal, refusedTestEmail } = facts
  if (refusedTestEmail !== null) return judgeRefusedTestEmail(refusedTestEmail, facts)
  if (messageRefusal !== null) return refused(messageRefusal, facts)
  if (deliveredAt === null) {
    const evidence = 'No message has been handed over with these settings yet.'
    return { state: 'todo', evidence, diagnosis: null }
  }
  const evidence = `The server has accepted a message at ${minute(deliveredAt)}.`
  return { state: 'done', evidence, diagnosis: null }
}

/** Nobody tries it again by itself, so what has changed since can only be said. */
function judgeRefusedTestEmail(
  { at, recipient, diagnosis }: RefusedTestEmail,
  facts: SetupFacts,
): Judgement {
  const judged = refused(diagnosis, facts)
  const evidence = `The test email of ${minute(at)} to ${recipient} was not sent. ${judged.evidence}`
  if (isOver(diagnosis, facts.context.now)) return { state: 'todo', evidence, diagnosis }
  const isSince = (parseInstant(facts.report?.startedAt ?? '') ?? 0) > at
  if (isSince && !isBehindLogin(diagnosis) && passed(facts, 'authAccepted')) {
    const again = 'Since then the server has accepted the login: send it again.'
    return { state: 'todo', evidence: `${evidence} ${again}`, diagnosis }
  }
  return { ...judged, evidence }
}

function credentialName({ authentication, credential }: Profile): string {
  if (authentication.type === 'basic') return 'password'
  return credential?.type === 'certificate' ? 'certificate' : 'client secret'
}

function ending({ credential }: Profile): string {
  if (credential === null) return ''
  const { expiresAt, hint, type } = credential
  const which =
    type === 'certificate' ? ` with the thumbprint ${hint}` : ` that begins with “${hint}”`
  const end = expiresAt === null ? 'its end date is not known' : `it ends on ${toIsoDay(expiresAt)}`
  return `${hint === '' ? '' : which}; ${end}`
}

/** `2026-11-23 10:42 UTC` */
function minute(instant: string | number): string {
  const text = typeof instant === 'string' ? instant : toIso(instant)
  return `${text.slice(0, 16).replace('T', ' ')} UTC`
}

const LONGEST_ANSWER = 300

function shorten(text: string): string {
  const line = text.replace(/\s+/g, ' ').trim()
  return line.length <= LONGEST_ANSWER ? line : `${line.slice(0, LONGEST_ANSWER - 1)}…`
}
