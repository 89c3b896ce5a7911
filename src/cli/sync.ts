import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createAudit } from '../access/index.ts'
import { type Config, loadConfig } from '../config/index.ts'
import { PosternError } from '../platform/errors.ts'
import { createEventBus } from '../platform/events.ts'
import { createProfiles, type ProfileEvents } from '../profiles/index.ts'
import {
  createProvisioning,
  type SyncChanges,
  type SyncEvents,
  type SyncPlan,
  type SyncRun,
} from '../provisioning/index.ts'
import { DATABASE_FILE, openStorage, type StorageOptions } from '../storage/index.ts'
import type { CliContext, RunCommand } from './command.ts'
import { EXIT_FAILED, EXIT_OK, EXIT_USAGE } from './exit-codes.ts'
import { openLog } from './log.ts'

export const run: RunCommand = async (context, args) => {
  const { stdout, stderr } = context
  const onlyCheck = args.flag('check')
  const { plan, run: applied } = await planAndApply(context, onlyCheck)
  const problems = applied?.outcome === 'refused' ? applied.problems : plan.problems
  const changes = problems.length > 0 ? null : (applied?.changes ?? plan.changes)
  if (args.flag('json')) {
    stdout.write(
      `${JSON.stringify({ ...plan, problems, changes, applied: applied !== undefined && changes !== null })}\n`,
    )
  }
  for (const line of plan.warnings) stderr.write(`${line}\n`)
  for (const line of problems) stderr.write(`${line}\n`)
  if (changes === null) return EXIT_USAGE
  if (!args.flag('json')) stdout.write(renderChanges(changes, { done: !onlyCheck }))
  return onlyCheck && !plan.inSync ? EXIT_FAILED : EXIT_OK
}

/** Compares the file with the stored profiles; unless only to check, takes it over as the agent does at its start. */
async function planAndApply(
  { env, stderr, clock }: CliContext,
  onlyCheck: boolean,
): Promise<{ plan: SyncPlan; run: SyncRun | undefined }> {
  const config = loadConfig({ env, isTerminal: stderr.isTTY === true })
  if (config.settingsFile === undefined) {
    throw new PosternError('There is no settings file: name it in POSTERN_SETTINGS_FILE.', {
      kind: 'invalid',
      code: 'usage',
    })
  }
  const log = await openLog({ ...config.log, level: 'error' }, stderr)
  const events = createEventBus<ProfileEvents & SyncEvents>({ log })
  await using opened = new AsyncDisposableStack()
  const storage = opened.use(
    await openStorage({
      ...placeOf(config, onlyCheck, opened),
      masterKey: config.masterKey,
      clock,
      log,
    }),
  )
  const profiles = await createProfiles({
    storage,
    audit: createAudit({ storage, clock }),
    clock,
    log,
    events,
    allowCustomCloud: config.allowCustomCloud,
    settingsFile: config.settingsFile,
  })
  await using provisioning = createProvisioning({
    file: config.settingsFile,
    profiles,
    storage,
    clock,
    log,
    events,
  })
  const plan = await provisioning.plan()
  if (plan === undefined) throw new Error('a settings file is configured, so there is a plan')
  const isWanted = !onlyCheck && plan.changes !== null
  return { plan, run: isWanted ? await provisioning.sync() : undefined }
}

/** Before the agent's first start there is nothing to compare with: the check then uses an empty database of its own. */
function placeOf(
  { dataDir }: Config,
  onlyCheck: boolean,
  opened: AsyncDisposableStack,
): Pick<StorageOptions, 'dataDir' | 'role'> {
  if (!onlyCheck) return { dataDir, role: 'agent' }
  if (existsSync(join(dataDir, DATABASE_FILE))) return { dataDir, role: 'companion' }
  const empty = mkdtempSync(join(tmpdir(), 'postern-check-'))
  opened.defer(() => rmSync(empty, { recursive: true, force: true }))
  return { dataDir: empty, role: 'agent' }
}

function renderChanges(changes: SyncChanges, { done }: { done: boolean }): string {
  const verb = (will: string, did: string) => (done ? did : will)
  const lines = [
    ...changes.create.map((id) => `${verb('would create', 'created')} ${id}`),
    ...changes.change.map(
      ({ id, fields }) => `${verb('would change', 'changed')} ${id}: ${fields.join(', ')}`,
    ),
    ...changes.remove.map((id) => `${verb('would remove', 'removed')} ${id}`),
  ]
  return lines.length === 0
    ? 'The stored profiles are what the file says.\n'
    : `${lines.join('\n')}\n`
}
