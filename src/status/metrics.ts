import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import { parseInstant, SECOND_MS } from '../platform/clock.ts'
import type { EventBus } from '../platform/events.ts'
import type { Status } from './api.ts'
import type { StatusBoard, StatusEvents } from './status-board.ts'

export interface Metrics {
  render(): Promise<{ contentType: string; text: string }>
}

const HEALTH_VALUE = { unknown: -1, ok: 0, warning: 1, failing: 2 } as const satisfies Record<
  Status['profiles'][number]['health'],
  number
>

/** From one try at once to the days of the retry schedule. */
const DELIVERY_SECONDS = [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600, 21_600, 86_400, 259_200]

/** Sums of the gauges beside them, under names that are for counters alone: `promtool check metrics` refuses them. */
const MISNAMED = [
  'nodejs_active_handles_total',
  'nodejs_active_requests_total',
  'nodejs_active_resources_total',
]

/** Gauges are read from the status board when they are asked for; counters follow the events. */
export function createMetrics(deps: {
  board: StatusBoard
  events: EventBus<StatusEvents>
  version: string
}): Metrics {
  const { board, events } = deps
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  for (const name of MISNAMED) registry.removeSingleMetric(name)

  new Gauge({
    name: 'postern_build_info',
    help: 'Always 1; the version is the label.',
    labelNames: ['version'],
    registers,
  }).set({ version: deps.version }, 1)

  ofAgent(
    'postern_agent_open_alerts',
    'Open alerts about the agent itself.',
    (status) => status.openAlerts,
  )
  ofAgent(
    'postern_agent_undelivered_alerts',
    'Open alerts about the agent itself whose mail is still waiting.',
    (status) => status.undeliveredAlerts,
  )
  perProfile(
    'postern_profile_health_state',
    '-1 unknown, 0 ok, 1 warning, 2 failing.',
    (profile) => HEALTH_VALUE[profile.health],
  )
  perProfile('postern_credential_expiry_timestamp_seconds', 'End of the credential.', (profile) =>
    seconds(profile.credential?.expiresAt),
  )
  perProfile('postern_last_verification_timestamp_seconds', 'Last verification.', (profile) =>
    seconds(profile.lastVerifiedAt),
  )
  perProfile('postern_last_delivery_timestamp_seconds', 'Last message accepted.', (profile) =>
    seconds(profile.lastDeliveredAt),
  )
  perProfile('postern_open_alerts', 'Open alerts of the profile.', (profile) => profile.openAlerts)
  perProfile(
    'postern_undelivered_alerts',
    'Open alerts whose mail is still waiting.',
    (profile) => profile.undeliveredAlerts,
  )

  new Gauge({
    name: 'postern_queue_messages',
    help: 'Waiting messages of the profile: queued ones, and those held for a repair.',
    labelNames: ['profile', 'state'],
    registers,
    collect() {
      this.reset()
      for (const { id, queue } of board.current().profiles) {
        this.set({ profile: id, state: 'queued' }, queue.queued)
        this.set({ profile: id, state: 'held' }, queue.held)
      }
    },
  })
  perProfile(
    'postern_queue_oldest_age_seconds',
    'Since the oldest waiting message was accepted; 0 when none waits.',
    (profile) => profile.queue.oldestAgeSeconds ?? 0,
  )

  const messages = new Counter({
    name: 'postern_messages_total',
    help: 'Messages that have ended, by where they came from and how they ended.',
    labelNames: ['source', 'outcome'],
    registers,
  })
  const delivery = new Histogram({
    name: 'postern_message_delivery_seconds',
    help: 'From accepting a message to the server’s word for the last of its recipients.',
    buckets: DELIVERY_SECONDS,
    registers,
  })
  events.on('message.finished', ({ source, outcome, acceptedAt, finishedAt }) => {
    messages.inc({ source, outcome })
    if (outcome === 'delivered') {
      delivery.observe(Math.max(0, finishedAt - acceptedAt) / SECOND_MS)
    }
  })

  const verifications = new Counter({
    name: 'postern_verifications_total',
    help: 'Verifications by outcome.',
    labelNames: ['outcome'],
    registers,
  })
  events.on('verification.completed', ({ report }) =>
    verifications.inc({ outcome: report.outcome }),
  )

  const alerts = new Counter({
    name: 'postern_alerts_opened_total',
    help: 'Alerts opened by kind.',
    labelNames: ['kind'],
    registers,
  })
  events.on('alert.opened', ({ alert }) => alerts.inc({ kind: alert.kind }))

  function ofAgent(name: string, help: string, read: (status: Status) => number): void {
    new Gauge({
      name,
      help,
      registers,
      collect() {
        this.set(read(board.current()))
      },
    })
  }

  function perProfile(
    name: string,
    help: string,
    read: (profile: Status['profiles'][number]) => number | undefined,
  ): void {
    new Gauge({
      name,
      help,
      labelNames: ['profile'],
      registers,
      collect() {
        this.reset()
        for (const profile of board.current().profiles) {
          const value = read(profile)
          if (value !== undefined) this.set({ profile: profile.id }, value)
        }
      },
    })
  }

  return {
    render: async () => ({ contentType: registry.contentType, text: await registry.metrics() }),
  }
}

function seconds(iso: string | null | undefined): number | undefined {
  return iso === null || iso === undefined ? undefined : (parseInstant(iso) ?? 0) / 1000
}
