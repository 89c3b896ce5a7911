import type { Outbox } from '../outbox/index.ts'
import type { Logger } from '../platform/logger.ts'
import type { Logins, RelayClientBook } from './clients/index.ts'
import type { RelayNews } from './events.ts'
import type { RelayLimits } from './limits.ts'
import type { Rates } from './rates.ts'
import type { FindSubmitter } from './submitter.ts'

/** What every connection of the relay shares. */
export interface Desk {
  readonly outbox: Pick<Outbox, 'intake'>
  readonly findSubmitter: FindSubmitter
  readonly book: RelayClientBook
  readonly logins: Logins
  readonly rates: Rates
  readonly news: RelayNews
  readonly dateText: () => string
  readonly log: Logger
  readonly limits: RelayLimits
  /** In the greeting and in Received lines. */
  readonly hostname: string
  readonly maxMessageBytes: number
  isStopping(): boolean
}
