import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { Report } from './api.ts'
import type { Health, NetworkProblem, VerificationEvents } from './verification.ts'

/** Every business event of the feature: its log line and its news. */
export interface VerificationNews {
  completed(report: Report, health: Health): void
  healthChanged(previous: Health, health: Health): void
  delivered(profileId: string, at: number): void
  networkFailing(problem: NetworkProblem): void
  networkRecovered(at: number): void
}

export function createVerificationNews(deps: {
  events: EventBus<VerificationEvents>
  log: Logger
}): VerificationNews {
  const { events, log } = deps
  return {
    completed(report, health) {
      const { profileId, reason, outcome, durationMs, diagnosis, id } = report
      const facts = { profileId, reason, outcome, durationMs, reportId: id }
      // Thousands of good runs a day are no news.
      if (outcome === 'ok') log.debug(facts, 'verification completed')
      else log.info({ ...facts, diagnosis: diagnosis?.code }, 'verification completed')
      events.emit('verification.completed', { report, health })
    },
    healthChanged(previous, health) {
      const { profileId, state, diagnosis } = health
      const facts = { profileId, from: previous.state, to: state, diagnosis: diagnosis?.code }
      if (state === 'failing') log.warn(facts, 'health changed')
      else log.info(facts, 'health changed')
      events.emit('health.changed', { previous, health })
    },
    delivered(profileId, at) {
      log.info({ profileId }, 'message delivered')
      events.emit('message.delivered', { profileId, at })
    },
    networkFailing(problem) {
      const { profiles, diagnosis } = problem
      log.warn({ profiles, diagnosis: diagnosis.code }, 'network failing for every profile')
      events.emit('network.failing', problem)
    },
    networkRecovered(at) {
      log.info('network recovered')
      events.emit('network.recovered', { at })
    },
  }
}
