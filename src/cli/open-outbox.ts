import { userInfo } from 'node:os'
import { createAudit } from '../access/index.ts'
import type { Config } from '../config/index.ts'
import { type LocalOutbox, openLocalOutbox } from '../outbox/index.ts'
import { createEventBus } from '../platform/events.ts'
import { createProfiles, type Profiles } from '../profiles/index.ts'
import { openStorage } from '../storage/index.ts'
import type { CliContext } from './command.ts'
import { openLog } from './log.ts'

/** The outbox of the data folder, for a command beside the agent. */
export interface OpenedOutbox extends AsyncDisposable {
  readonly outbox: LocalOutbox
  readonly profiles: Profiles
}

export async function openOutbox(
  config: Config,
  { stderr, clock }: Pick<CliContext, 'stderr' | 'clock'>,
): Promise<OpenedOutbox> {
  // Of a program that sends mail, people read the sentence at the end and nothing else.
  const log = await openLog({ ...config.log, level: 'fatal' }, stderr)
  await using opened = new AsyncDisposableStack()
  const storage = opened.use(
    await openStorage({
      dataDir: config.dataDir,
      masterKey: config.masterKey,
      role: 'companion',
      clock,
      log,
    }),
  )
  const profiles = await createProfiles({
    storage,
    audit: createAudit({ storage, clock }),
    clock,
    log,
    events: createEventBus({ log }),
    allowCustomCloud: config.allowCustomCloud,
    settingsFile: config.settingsFile,
  })
  const outbox = opened.use(await openLocalOutbox({ storage, profiles, clock }))
  const held = opened.move()
  return { outbox, profiles, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

/** Who runs the command; a user without a name is its number. */
export function localUser(): string {
  try {
    return userInfo().username
  } catch {
    return String(process.getuid?.() ?? 'unknown')
  }
}
