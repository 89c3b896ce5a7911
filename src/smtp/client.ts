import type { Outcome } from '../diagnosis/index.ts'
import { runProbe, type SmtpProbe, type SmtpProbeOptions } from './probe.ts'
import type { SubmissionReceipt } from './receipt.ts'
import { createSmtpSessions, type SmtpSessionsDeps } from './sessions.ts'
import { runSubmission, type SubmitOptions } from './submission.ts'

export interface SmtpClient {
  /** Goes through the dialogue step by step and stops at the first that fails. Rejects when the signal is aborted. */
  probe(options: SmtpProbeOptions): Promise<SmtpProbe>
  /** Sends a message and waits for the server's answer. Rejects when the signal is aborted. */
  submit(options: SubmitOptions): Promise<Outcome<SubmissionReceipt>>
}

export type SmtpClientDeps = SmtpSessionsDeps

export function createSmtpClient(deps: SmtpClientDeps): SmtpClient {
  const { clock, log } = deps
  const sessions = createSmtpSessions(deps)

  function logEnd(event: string, startedAt: number, server: { host: string }, ok: boolean): void {
    log.debug({ host: server.host, ok, durationMs: clock.now() - startedAt }, event)
  }

  return {
    async probe(options) {
      const startedAt = clock.now()
      const result = await runProbe(deps, options)
      logEnd('smtp probe ended', startedAt, options.server, result.failure === null)
      return result
    },
    async submit(options) {
      const startedAt = clock.now()
      const outcome = await runSubmission({ sessions }, options)
      logEnd('smtp submission ended', startedAt, options.server, outcome.ok)
      return outcome
    },
  }
}
