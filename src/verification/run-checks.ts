import type { Diagnosis } from '../diagnosis/index.ts'
import { SECOND_MS, toIso } from '../platform/clock.ts'
import { newId } from '../platform/ids.ts'
import type { OpenedCredential, Profile } from '../profiles/index.ts'
import { composeMessage, type SmtpClient, type SmtpProbeOptions } from '../smtp/index.ts'
import type { Check, Report, VerifyReason } from './api.ts'
import { type CheckList, createCheckList, plannedChecks } from './check-list.ts'
import type { Evidence } from './evidence.ts'
import {
  isTokenRefused,
  type Login,
  type MailAccessDeps,
  type Proof,
  type TokenWish,
} from './mail-access.ts'
import { proveLogin } from './prove-login.ts'
import { recordProbe } from './prove-server.ts'
import { readRecipient } from './recipient.ts'
import { createRunLimit } from './run-limit.ts'
import { createStage, type Stage } from './stage.ts'
import { type AgentIdentity, composeTestMessage } from './test-message.ts'
import { unproven } from './unproven.ts'

export interface RunDeps extends MailAccessDeps {
  smtp: SmtpClient
  agent: AgentIdentity
  /** Absent: nobody asks Graph. */
  evidence?: Evidence | undefined
  /** Longest time for a whole run, without what it waits for its turn at Entra. */
  timeoutMs: number
}

export interface RunRequest {
  profile: Profile
  reason: VerifyReason
  sendTo: string | undefined
  lastDiagnosis: Diagnosis | null
  /** What these settings have done before. */
  proof: Proof
  signal: AbortSignal
  /** Told when the run begins to wait for its turn at Entra. */
  onWait?: (() => void) | undefined
  /** To prove in place of the stored one; the profile's facts are this credential's then. */
  credential?: OpenedCredential | undefined
}

export interface RunResult {
  readonly report: Report
  readonly finishedAt: number
}

/**
 * Goes through every check once and writes nothing. Rejects when the signal is aborted, and with recipient_invalid.
 */
export async function runChecks(deps: RunDeps, request: RunRequest): Promise<RunResult> {
  const { clock, timeoutMs } = deps
  const { profile, proof, reason, signal } = request
  const sendTo = request.sendTo === undefined ? undefined : readRecipient(request.sendTo, 'sendTo')
  const startedAt = clock.now()
  const list = createCheckList(plannedChecks(profile, sendTo !== undefined))
  const stage = createStage({ ...deps, profile, proof, list })
  let message: Report['message'] = null
  {
    using limit = createRunLimit({ clock, ms: timeoutMs, signal })
    const onWait = () => {
      request.onWait?.()
      return limit.pause()
    }
    try {
      message = await prove(deps, { ...request, sendTo, signal: limit.signal, onWait }, stage)
    } catch (error) {
      if (signal.aborted || !limit.passed()) throw error
      recordTimeout({ profile, timeoutMs, list, stage })
    }
  }

  const finishedAt = clock.now()
  const checks = list.finish()
  const report: Report = {
    id: newId(),
    profileId: profile.id,
    reason,
    outcome: outcomeOf(checks),
    startedAt: toIso(startedAt),
    finishedAt: toIso(finishedAt),
    durationMs: Math.max(0, finishedAt - startedAt),
    withMessage: sendTo !== undefined,
    checks,
    diagnosis: checks.find((check) => check.outcome === 'failed')?.diagnosis ?? null,
    unproven: unproven(profile, sendTo !== undefined),
    message,
    tokenFacts: stage.tokenFacts(),
  }
  return { report, finishedAt }
}

type Proving = Omit<RunRequest, 'onWait'> & Required<Pick<TokenWish, 'onWait'>>

async function prove(deps: RunDeps, request: Proving, stage: Stage): Promise<Report['message']> {
  const { profile, lastDiagnosis, sendTo, signal, credential } = request
  const asked = { profile, lastDiagnosis, stage, credential }
  const login = await proveLogin(deps, { ...asked, wish: wishOf(request) })
  if (login === undefined) return null

  const message = await messageFor(deps, profile, sendTo)
  const dialogue = ({ authentication }: Login) =>
    deps.smtp.probe({ server: profile.server, authentication, message, signal })
  let probe = await dialogue(login)
  if (login.fromCache && isTokenRefused(probe.failure)) {
    const { authentication } = profile
    if (authentication.type === 'exchangeOnline') {
      deps.tokens.drop(authentication.tenantId, authentication.clientId)
    }
    const wish = { ...wishOf(request), fresh: 'always' } as const
    const renewed = await proveLogin(deps, { ...asked, wish })
    if (renewed === undefined) return null
    probe = await dialogue(renewed)
  }
  recordProbe(probe, profile, stage)
  const { receipt } = probe
  return receipt && { messageId: receipt.messageId, reply: receipt.reply }
}

/** A person who waits gets a new answer of Entra; so does each sweep, to notice a withdrawn right in time. */
function wishOf({ reason, signal, onWait }: Proving): TokenWish {
  const asked = reason === 'requested' || reason === 'saved'
  return { fresh: asked ? 'always' : 'recent', patient: asked, signal, onWait }
}

async function messageFor(
  { clock, agent }: RunDeps,
  profile: Profile,
  sendTo: string | undefined,
): Promise<SmtpProbeOptions['message']> {
  if (sendTo === undefined) return undefined
  const composed = composeTestMessage(profile, sendTo, { now: clock.now(), agent })
  const data = await composeMessage(composed)
  return { from: profile.senderEmailAddress, to: [sendTo], data }
}

/** The run's own limit, above the limits of each request: something hangs that nobody else watches. */
function recordTimeout(facts: {
  profile: Profile
  timeoutMs: number
  list: CheckList
  stage: Stage
}): void {
  const { profile, timeoutMs, list, stage } = facts
  const { authentication, server } = profile
  const pending = list.pending() ?? 'serverReachable'
  const timeout = { source: 'transport', phase: 'timeout', code: 'ETIMEDOUT' } as const
  const message = `The verification did not end within ${timeoutMs / SECOND_MS} s.`
  if (pending === 'entraReachable' && authentication.type === 'exchangeOnline') {
    const { hostname, port } = new URL(authentication.cloud.authority)
    const place = {
      peer: 'entra',
      step: 'token',
      host: hostname,
      port: Number(port || 443),
    } as const
    stage.fail(pending, { ...timeout, ...place, message })
  } else {
    const place = { peer: 'smtp', step: 'dialogue', host: server.host, port: server.port } as const
    stage.fail(pending, { ...timeout, ...place, message })
  }
}

function outcomeOf(checks: readonly Check[]): Report['outcome'] {
  if (checks.some((check) => check.outcome === 'failed')) return 'failed'
  return checks.some((check) => check.outcome === 'warning') ? 'warning' : 'ok'
}
