import type { Profile } from '../profiles/index.ts'
import type { SmtpProbe, SmtpProbeStep } from '../smtp/index.ts'
import type { CheckName } from './check-list.ts'
import type { Stage } from './stage.ts'

interface Part {
  name: CheckName
  ok: boolean
  durationMs: number
  evidence: string[]
}

/** Reads the steps of the SMTP dialogue as checks. */
export function recordProbe(probe: SmtpProbe, profile: Profile, stage: Stage): void {
  const parts = collect(probe.steps, profile)
  const { failure } = probe
  for (const { name, ok, durationMs, evidence } of parts) {
    const text = evidence.join('; ')
    if (ok) stage.ok(name, text, durationMs)
    else if (failure !== null) stage.fail(name, failure, { evidence: text, durationMs })
  }
  // A failure always has its step; should it not, it must not be lost.
  if (failure !== null && parts.every((part) => part.ok)) stage.fail('serverReachable', failure)
}

function collect(steps: readonly SmtpProbeStep[], profile: Profile): Part[] {
  const parts: Part[] = []
  let secured = false
  for (const { step, ok, durationMs, evidence } of steps) {
    secured ||= step === 'starttls'
    const name = checkOf(step, secured && profile.server.security === 'starttls')
    let part = parts.find((known) => known.name === name)
    if (part === undefined) {
      part = { name, ok: true, durationMs: 0, evidence: [] }
      parts.push(part)
    }
    part.ok &&= ok
    part.durationMs += durationMs
    if (isWorthShowing(step, ok)) part.evidence.push(evidence)
  }
  return parts
}

function checkOf(step: SmtpProbeStep['step'], upgraded: boolean): CheckName {
  switch (step) {
    case 'connect':
    case 'greeting':
      return 'serverReachable'
    case 'ehlo':
      // After STARTTLS the server is greeted again: the first words under TLS.
      return upgraded ? 'tls' : 'serverReachable'
    case 'starttls':
      return 'tls'
    case 'offer':
      return 'authOffered'
    case 'auth':
      return 'authAccepted'
    case 'mail':
      return 'senderAccepted'
    case 'rcpt':
      return 'recipientAccepted'
    case 'data':
    case 'message':
      return 'messageAccepted'
  }
}

/** Replies that only say “go on” tell nothing when they are good. */
function isWorthShowing(step: SmtpProbeStep['step'], ok: boolean): boolean {
  return !ok || (step !== 'ehlo' && step !== 'data')
}
