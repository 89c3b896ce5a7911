import { Value } from 'typebox/value'
import type { Alert } from '../../alerts/index.ts'
import { type Diagnosis, diagnosisSentence } from '../../diagnosis/index.ts'
import { createSelfSignedCertificate } from '../../entra/index.ts'
import { type Clock, SECOND_MS, toIsoDay } from '../../platform/clock.ts'
import type { Rehearsal, RehearsalNeed, SandboxTenant } from '../../sandbox/index.ts'
import { type Check, Report } from '../../verification/index.ts'
import { diagnosisLines } from '../diagnosis-lines.ts'
import { readAlerts } from './answers.ts'
import { type ApiClient, expectOk } from './api-client.ts'
import type { Narrator } from './narrator.ts'
import { SANDBOX_PROFILE_ID, sandboxProfile, TEST_RECIPIENT } from './profile.ts'
import { describeChange } from './rehearsal-list.ts'

/** What the agent made of a rehearsed failure; `sandbox --rehearse --json` prints it. */
export interface RehearsalOutcome {
  readonly code: string
  readonly title: string
  /** null: no check meets it, the renewal of the secret does. */
  readonly check: Pick<Check, 'name' | 'title' | 'outcome' | 'evidence'> | null
  readonly diagnosis: Diagnosis | null
  readonly alert: Alert | null
}

export interface RehearseDeps {
  api: ApiClient
  tenant: SandboxTenant
  clock: Clock
  signal: AbortSignal
}

/** A failure that may pass by itself counts when it came twice in a row. */
const MOST_RUNS = 2
const LONGEST_WAIT_MS = 15 * SECOND_MS
const LOOK_EVERY_MS = 100
const PROFILE = `profiles/${SANDBOX_PROFILE_ID}`

/** Puts the failure in place after the profile has worked, and waits for what the agent says. */
export async function rehearse(
  deps: RehearseDeps,
  rehearsal: Rehearsal,
): Promise<RehearsalOutcome> {
  const { code, needs, needsMessage, title } = rehearsal
  const { tenant } = deps.tenant
  const body = needsMessage ? { sendTo: TEST_RECIPIENT } : {}
  if (needs === 'graph' || needs === 'renewal') {
    tenant.rehearse(code)
    await store(deps, { renewal: { enabled: true } })
    const alert = await alertOf(deps, code)
    return { code, title, check: null, diagnosis: alert?.diagnosis ?? null, alert }
  }
  if (needs !== null) {
    await store(deps, await authenticationFor(needs, deps))
    await verify(deps, body)
  }
  tenant.rehearse(code)
  let report = await verify(deps, body)
  for (let run = 1; run < MOST_RUNS && mayPass(report.diagnosis); run++) {
    report = await verify(deps, body)
  }
  const { diagnosis } = report
  const check = report.checks.find(({ outcome }) => outcome === 'failed') ?? null
  const alert = diagnosis === null ? null : await alertOf(deps, diagnosis.code)
  return { code, title, check: check && seen(check), diagnosis, alert }
}

function seen({ name, title, outcome, evidence }: Check): RehearsalOutcome['check'] {
  return { name, title, outcome, evidence }
}

function mayPass(diagnosis: Diagnosis | null): boolean {
  return diagnosis !== null && diagnosis.retry !== 'never'
}

async function verify({ api }: RehearseDeps, body: object): Promise<Report> {
  return Value.Parse(Report, expectOk(await api.call('POST', `${PROFILE}/verify`, body)))
}

/** The sandbox’s profile with another authentication, or more of it. */
async function store({ api, tenant }: RehearseDeps, change: object): Promise<void> {
  const profile = sandboxProfile(tenant)
  const authentication = 'type' in change ? change : { ...profile.authentication, ...change }
  const { headers } = await api.call('GET', PROFILE)
  const version = { 'if-match': headers.get('etag') ?? '*' }
  expectOk(await api.call('PUT', PROFILE, { ...profile, authentication }, version))
}

/** What such a profile needs of the tenant is there from then on: it is no failure. */
async function authenticationFor(
  needs: Exclude<RehearsalNeed, 'graph' | 'renewal'>,
  { clock, tenant: { tenant, clientId, mailbox } }: RehearseDeps,
): Promise<object> {
  switch (needs) {
    case 'basic': {
      const password = tenant.state().mailboxes[mailbox]?.password ?? null
      return { type: 'basic', username: mailbox, password }
    }
    case 'applicationRbac':
      tenant.settle({
        apps: { [clientId]: { exchangeRoles: [] } },
        exchange: { rbac: { [clientId]: { members: [mailbox] } } },
      })
      return { applicationRbac: true }
    case 'certificate': {
      const options = { commonName: 'postern', days: 90, keyBits: 2048, clock } as const
      const { certificate, privateKey } = await createSelfSignedCertificate(options)
      const certificates = { [`rehearsal-${toIsoDay(clock.now())}`]: { certificate } }
      tenant.settle({ apps: { [clientId]: { certificates } } })
      const key = privateKey.reveal()
      return { credential: { type: 'certificate', certificate, privateKey: key } }
    }
  }
}

/** The alert with this diagnosis, as soon as its mail has left or could not leave; null when none opens in time. */
async function alertOf(deps: RehearseDeps, code: string): Promise<Alert | null> {
  const { api, clock, signal } = deps
  let found: Alert | null = null
  for (let waitedMs = 0; waitedMs < LONGEST_WAIT_MS; waitedMs += LOOK_EVERY_MS) {
    const alerts = readAlerts(expectOk(await api.call('GET', 'alerts?state=open')))
    found = alerts.find(({ diagnosis }) => diagnosis?.code === code) ?? null
    const { notification } = found ?? {}
    const isTold = notification?.state !== 'pending' || notification.lastError !== null
    if (found !== null && isTold) return found
    await clock.sleep(LOOK_EVERY_MS, signal)
  }
  return found
}

/** Before it is rehearsed. */
export function tellPlan(rehearsal: Rehearsal, narrator: Narrator): void {
  narrator.heading(`6. Rehearse: ${rehearsal.title} (${rehearsal.code})`)
  narrator.note(`The tenant is changed: it ${describeChange(rehearsal)}.`)
  narrator.note('It takes up to a minute: while Entra refuses, it is asked once in 30 seconds.')
}

export function tellOutcome(
  { check, diagnosis, alert }: RehearsalOutcome,
  { narrator, controlUrl }: { narrator: Narrator; controlUrl: string },
): void {
  if (check !== null) narrator.failed(check.title, check.evidence)
  else narrator.failed('The secret could not be renewed', diagnosis?.summary ?? '')
  if (diagnosis !== null) narrator.lines(diagnosisLines(diagnosis))
  if (alert === null) {
    narrator.note('No alert has opened: a problem that may pass by itself gets its time first.')
  } else {
    narrator.warned('An alert is open', `${alert.summary} (${alert.severity})`)
    narrator.note(mailWords(alert))
  }
  narrator.note(`To end the failure: curl -s -X DELETE ${controlUrl}/rehearsals`)
}

function mailWords({ notification, diagnosis }: Alert): string {
  const { state, recipient, lastError } = notification
  if (state === 'delivered') return `Its mail was sent to ${recipient}.`
  if (state === 'none') return 'Nobody is told by mail: the profile has no error address.'
  const why = lastError ?? (diagnosis === null ? '' : diagnosisSentence(diagnosis))
  return `Its mail to ${recipient} waits until there is a way for it. ${why}`
}
