import { parseInstant, toIsoDay } from '../../platform/clock.ts'
import { PosternError } from '../../platform/errors.ts'
import type { SandboxTenant } from '../../sandbox/index.ts'
import { readAlerts, readReport, readTestEmail } from './answers.ts'
import { type ApiClient, expectOk } from './api-client.ts'
import type { Narrator } from './narrator.ts'
import { ERROR_ADDRESS, SANDBOX_PROFILE_ID, sandboxProfile, TEST_RECIPIENT } from './profile.ts'
import { type RelayLogin, type RelayState, showRelay } from './relay-tour.ts'

/** An inbox that stays empty so long means that the alert will not come. */
const LONGEST_WAIT_MS = 30_000

/** Does the main job, one step after the other, and tells each. Answers with a login at the relay, where it is open. */
export async function showMainJob(deps: {
  api: ApiClient
  tenant: SandboxTenant
  relay: RelayState
  narrator: Narrator
  signal: AbortSignal
}): Promise<RelayLogin | null> {
  const { api, tenant, narrator, signal } = deps

  narrator.heading('1. Store a profile')
  const existing = await api.call('GET', `profiles/${SANDBOX_PROFILE_ID}`)
  const expiresAt = await storeProfile({ api, tenant, existing })
  narrator.done(`Profile “${SANDBOX_PROFILE_ID}” stored`, `sender ${tenant.mailbox}`)
  narrator.done(
    'Client secret sealed',
    `it ${expiresAt === null ? 'has no known end' : `ends on ${expiresAt}`}`,
  )

  narrator.heading('2. Verify it')
  const report = readReport(
    expectOk(await api.call('POST', `profiles/${SANDBOX_PROFILE_ID}/verify`, {})),
  )
  for (const check of report.checks) {
    const tell =
      check.outcome === 'ok'
        ? narrator.done
        : check.outcome === 'failed'
          ? narrator.failed
          : narrator.warned
    tell(check.title, check.evidence)
  }

  narrator.heading('3. Send a test email')
  const test = readTestEmail(
    expectOk(
      await api.call('POST', `profiles/${SANDBOX_PROFILE_ID}/test-email`, { to: TEST_RECIPIENT }),
    ),
  )
  narrator.done('Server accepted the message', test.reply)
  const inbox = tenant.tenant.inbox
  const wait = AbortSignal.any([signal, AbortSignal.timeout(LONGEST_WAIT_MS)])
  const arrived = await inbox.waitFor((m) => m.envelope.to.includes(TEST_RECIPIENT), wait)
  narrator.done('It arrived in the simulated inbox', `for ${arrived.envelope.to.join(', ')}`)

  narrator.heading('4. Relay a message of an application')
  const login = await showRelay({ ...deps, signal: wait })

  narrator.heading('5. Watch the secret')
  const isFirstRun = existing.status === 404
  // A later run on the same data folder: people were told before, and are not told again.
  const mail = isFirstRun
    ? await inbox.waitFor((m) => m.envelope.to.includes(ERROR_ADDRESS), wait)
    : undefined
  const [open] = readAlerts(expectOk(await api.call('GET', 'alerts?state=open')))
  if (open !== undefined) narrator.warned('An alert is open', open.summary)
  if (mail === undefined) narrator.note('Its mail went to the error address in an earlier run.')
  else narrator.done('Its mail arrived at the error address', `for ${mail.envelope.to.join(', ')}`)
  return login
}

/** Creates the profile, or brings the one of an earlier run to this tenant's ports. Returns the secret's last day. */
async function storeProfile(deps: {
  api: ApiClient
  tenant: SandboxTenant
  existing: { status: number; headers: Headers }
}): Promise<string | null> {
  const { api, tenant, existing } = deps
  const profile = sandboxProfile(tenant)
  const { expiresAt } = profile.authentication.credential
  if (existing.status === 404) expectOk(await api.call('POST', 'profiles', profile))
  else if (existing.status === 200) {
    const seen = { 'if-match': existing.headers.get('etag') ?? '*' }
    expectOk(await api.call('PUT', `profiles/${SANDBOX_PROFILE_ID}`, profile, seen))
  } else {
    throw new PosternError(`The agent answered with status ${existing.status}.`, {
      kind: 'unavailable',
      code: 'sandbox_tour_failed',
    })
  }
  const at = expiresAt === null ? undefined : parseInstant(expiresAt)
  return at === undefined ? null : toIsoDay(at)
}
