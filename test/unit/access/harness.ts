import {
  type Actor,
  type Audit,
  type Authenticator,
  createAccess,
  type Tokens,
} from '../../../src/access/index.ts'
import { openStorage, type Storage } from '../../../src/storage/index.ts'
import { createFakeClock, type FakeClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { captureLog, type LogCapture } from '../../support/log.ts'

export const TESTER: Actor = { type: 'token', id: 't-1', name: 'tester', address: '192.0.2.1' }

export interface AccessHarness extends AsyncDisposable {
  readonly clock: FakeClock
  readonly log: LogCapture
  readonly storage: Storage
  readonly audit: Audit
  readonly tokens: Tokens
  readonly authenticator: Authenticator
  /** Resolves when every last use is written. */
  settled(): Promise<void>
  /** The same on the same folder, as a command beside the agent has it. */
  beside(): Promise<{ tokens: Tokens } & AsyncDisposable>
}

export async function startAccess(): Promise<AccessHarness> {
  await using closers = new AsyncDisposableStack()
  const folder = closers.use(temporaryFolder())
  const clock = createFakeClock()
  const log = captureLog()
  const dataDir = folder.path
  const storage = closers.use(await openStorage({ dataDir, role: 'agent', clock, log: log.log }))
  const access = closers.use(createAccess({ storage, clock, log: log.log }))
  const held = closers.move()
  return {
    clock,
    log,
    storage,
    audit: access.audit,
    tokens: access.tokens,
    authenticator: access.authenticator,
    settled: async () => await access[Symbol.asyncDispose](),
    async beside() {
      const other = await openStorage({ dataDir, role: 'companion', clock, log: log.log })
      return {
        tokens: createAccess({ storage: other, clock, log: log.log }).tokens,
        [Symbol.asyncDispose]: () => other[Symbol.asyncDispose](),
      }
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
