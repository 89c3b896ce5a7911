import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { Reply } from './reply.ts'

export interface RelayEvents {
  /** It listens now, or it does not any more, or for another reason. */
  'relay.changed': { readonly address: string | null; readonly problem: string | null }
  /** A message, sender or recipient was refused, or told to come later. */
  'relay.refused': {
    readonly clientId: string | null
    readonly code: number
    readonly enhanced: string
  }
  'relay.login_failed': { readonly address: string }
}

/** What happened: one log line and one event each. */
export interface RelayNews {
  opened(address: string): void
  closed(problem: string): void
  /** It goes on listening, with a problem that somebody must mend. */
  troubled(address: string, problem: string): void
  mended(address: string): void
  refused(facts: { clientId: string | undefined; address: string; reply: Reply }): void
  loginFailed(facts: { address: string; reply: Reply }): void
}

export function createRelayNews(deps: { log: Logger; events: EventBus<RelayEvents> }): RelayNews {
  const { log, events } = deps
  return {
    opened(address) {
      log.info({ address }, 'relay listening')
      events.emit('relay.changed', { address, problem: null })
    },
    closed(problem) {
      log.warn({ problem }, 'relay closed')
      events.emit('relay.changed', { address: null, problem })
    },
    troubled(address, problem) {
      log.warn({ address, problem }, 'relay in trouble')
      events.emit('relay.changed', { address, problem })
    },
    mended(address) {
      log.info({ address }, 'relay mended')
      events.emit('relay.changed', { address, problem: null })
    },
    refused({ clientId, address, reply }) {
      const { code, enhanced, text } = reply
      log.info({ clientId, address, code, enhanced, answer: text }, 'relay refused')
      events.emit('relay.refused', { clientId: clientId ?? null, code, enhanced })
    },
    // The username is not told: people type passwords there, too.
    loginFailed({ address, reply }) {
      const facts = { address, code: reply.code, enhanced: reply.enhanced }
      // Those that were not even looked at come in masses.
      if (reply.code === 535) log.warn(facts, 'relay login failed')
      else log.debug(facts, 'relay login failed')
      events.emit('relay.login_failed', { address })
    },
  }
}
