import type { Logger } from '../platform/logger.ts'
import { toWire } from './command-line.ts'
import type { DialogueDeps } from './opening.ts'
import { runProbe, type SmtpProbe, type SmtpProbeOptions } from './probe.ts'

export interface SmtpClient {
  /** Goes through the dialogue step by step and stops at the first that fails. Rejects when the signal is aborted. */
  probe(options: SmtpProbeOptions): Promise<SmtpProbe>
}

export interface SmtpClientDeps extends DialogueDeps {
  log: Logger
}

export function createSmtpClient(deps: SmtpClientDeps): SmtpClient {
  const { clock, log, hostname } = deps
  toWire(`EHLO ${hostname}`)

  return {
    async probe(options) {
      const startedAt = clock.now()
      const result = await runProbe(deps, options)
      const { host } = options.server
      const durationMs = clock.now() - startedAt
      log.debug({ host, ok: result.failure === null, durationMs }, 'smtp probe ended')
      return result
    },
  }
}
