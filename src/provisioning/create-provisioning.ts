import { randomBytes } from 'node:crypto'
import type { Actor } from '../access/index.ts'
import { type Clock, SECOND_MS, toIso } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { EventBus } from '../platform/events.ts'
import type { Logger } from '../platform/logger.ts'
import type { DesiredPlan, Profiles } from '../profiles/index.ts'
import type { Storage } from '../storage/index.ts'
import type { SyncChanges, SyncRun } from './api.ts'
import { createFileWatch } from './file-watch.ts'
import type { Provisioning, SyncEvents, SyncPlan } from './provisioning.ts'
import { fingerprintNow, readSettingsFile, type SettingsFile } from './read-settings-file.ts'
import { createRunStore } from './store.ts'

export interface ProvisioningDeps {
  /** Undefined: no settings file is configured, and nothing happens. */
  file: string | undefined
  profiles: Pick<Profiles, 'applyDesired' | 'planDesired'>
  storage: Pick<Storage, 'db'>
  clock: Clock
  log: Logger
  events: EventBus<SyncEvents>
}

/** After a change, so that a file that is being written is read once, when it is whole. */
const MOST_PROBLEMS = 100
const SETTLE_MS = 200
/** A safety net under the watches, which network file systems do not have. */
const LOOK_EVERY_MS = 30 * SECOND_MS
/** How often a read is repeated because a place to watch turned up only by reading. */
const MOST_READS = 3

const NO_CHANGES: SyncChanges = { create: [], change: [], remove: [] }

export function createProvisioning(deps: ProvisioningDeps): Provisioning {
  const { file } = deps
  return file === undefined ? createIdle() : createSync({ ...deps, file })
}

/** Without a settings file. */
function createIdle(): Provisioning {
  return {
    start: async () => {},
    sync: async () => undefined,
    plan: async () => undefined,
    status: () => ({ problems: [] }),
    report: async () => ({
      configured: false,
      file: null,
      lastRun: null,
      lastApplied: null,
      inSync: true,
      drift: null,
    }),
    [Symbol.asyncDispose]: async () => {},
  }
}

interface Attempt {
  readonly run: SyncRun
  /** False when something other than the files decided it, so the same files deserve another try. */
  readonly final: boolean
}

function createSync(deps: ProvisioningDeps & { file: string }): Provisioning {
  const { file, profiles, storage, clock, log, events } = deps
  const actor: Actor = { type: 'settingsFile', id: null, name: file, address: null }
  const store = createRunStore(storage.db)
  const fingerprintKey = randomBytes(32)
  const stopping = new AbortController()
  let last: SyncRun | undefined
  let settled: string | undefined
  /** The settings file and its secret files, as last read. */
  let files: readonly string[] = []
  let inTurn: Promise<unknown> = Promise.resolve()
  let loop: Promise<void> | undefined
  let changed = false
  let wake = new AbortController()

  const watch = createFileWatch({
    log,
    onChange: () => {
      changed = true
      wake.abort()
    },
  })

  async function readFollowed(): Promise<SettingsFile> {
    let read = await readSettingsFile(file, fingerprintKey)
    if (loop === undefined) return read
    for (let reads = 1; reads < MOST_READS && (await watch.follow(read.files)); reads++) {
      read = await readSettingsFile(file, fingerprintKey)
    }
    return read
  }

  async function attempt(read: SettingsFile): Promise<Attempt> {
    const facts = { at: toIso(clock.now()), hash: read.hash, warnings: [...read.warnings] }
    const refused = (problems: readonly string[], final: boolean): Attempt => ({
      final,
      run: { ...facts, outcome: 'refused', problems: shorten(problems), changes: NO_CHANGES },
    })
    const inputs = read.inputs ?? []
    if (read.inputs === undefined || read.problems.length > 0) {
      return refused([...read.problems, ...(await ruleProblems(read))], true)
    }
    try {
      const changes = changesOf(await profiles.applyDesired(inputs, actor))
      const outcome = isEmpty(changes) ? 'unchanged' : 'applied'
      return { final: true, run: { ...facts, outcome, problems: [], changes } }
    } catch (error) {
      const problems = problemsOf(error, read)
      if (problems !== undefined) return refused(problems, true)
      if (error instanceof PosternError) {
        return refused([`${file}:1:1: ${error.message}`], false)
      }
      log.error({ err: error }, 'settings file not applied')
      const sentence =
        'The file could not be applied because of an error of Postern’s own; see its log.'
      return refused([`${file}:1:1: ${sentence}`], false)
    }
  }

  /** What the profiles' rules say about a file that is refused anyway, so that everything is told at once. */
  async function ruleProblems(read: SettingsFile): Promise<readonly string[]> {
    if (read.inputs === undefined) return []
    try {
      await profiles.planDesired(read.inputs)
      return []
    } catch (error) {
      return problemsOf(error, read) ?? []
    }
  }

  function syncNow(): Promise<SyncRun> {
    const result = inTurn.then(async () => {
      // The look every half minute must not parse a large file to find nothing new.
      if (last !== undefined && (await fingerprintNow(files, fingerprintKey)) === settled) {
        return last
      }
      const read = await readFollowed()
      files = read.files
      if (last !== undefined && read.fingerprint === settled) return last
      const { run, final } = await attempt(read)
      settled = final ? read.fingerprint : undefined
      const previous = last
      last = run
      if (!isRepeated(previous, run)) await tell(run, previous)
      return run
    })
    inTurn = result.catch(() => undefined)
    return result
  }

  async function tell(run: SyncRun, previous: SyncRun | undefined): Promise<void> {
    const at = clock.now()
    const { hash, problems, warnings, changes, outcome } = run
    await store.add({ ...run, atMs: at, file }).catch((error: unknown) => {
      log.error({ err: error }, 'run of the config sync not recorded')
    })
    for (const warning of warnings) log.warn({ file }, warning)
    if (outcome === 'refused') {
      log.error({ file, problems }, 'settings file refused, the last applied settings stay')
      events.emit('sync.refused', { file, at, hash, problems })
      return
    }
    log.info({ file, hash, ...changes }, `settings file ${outcome}`)
    if (outcome === 'applied' || previous === undefined || previous.outcome === 'refused') {
      events.emit('sync.applied', { file, at, hash, changes })
    }
  }

  async function lookAgain(): Promise<void> {
    while (!stopping.signal.aborted) {
      wake = new AbortController()
      if (!changed) {
        const signal = AbortSignal.any([stopping.signal, wake.signal])
        await clock.sleep(LOOK_EVERY_MS, signal).catch(() => {})
      }
      if (changed) await clock.sleep(SETTLE_MS, stopping.signal).catch(() => {})
      if (stopping.signal.aborted) return
      changed = false
      await syncNow().catch((error: unknown) => {
        log.error({ err: error }, 'settings file not looked at')
      })
    }
  }

  async function plan(): Promise<SyncPlan> {
    const read = await readSettingsFile(file, fingerprintKey)
    const { hash, warnings } = read
    const refused = (problems: readonly string[]): SyncPlan => ({
      file,
      hash,
      problems: shorten(problems),
      warnings,
      changes: null,
      inSync: false,
    })
    if (read.inputs === undefined || read.problems.length > 0) {
      return refused([...read.problems, ...(await ruleProblems(read))])
    }
    try {
      const changes = changesOf(await profiles.planDesired(read.inputs))
      return { file, hash, problems: [], warnings, changes, inSync: isEmpty(changes) }
    } catch (error) {
      const problems = problemsOf(error, read)
      if (problems === undefined) throw error
      return refused(problems)
    }
  }

  return {
    async start() {
      const run = Promise.withResolvers<void>()
      loop = run.promise
      await syncNow().catch((error: unknown) => {
        log.error({ err: error }, 'settings file not looked at')
      })
      lookAgain().then(run.resolve, run.reject)
    },
    sync: syncNow,
    plan,
    status: () => ({ problems: last?.problems ?? [] }),
    async report() {
      const [now, lastRun, lastApplied] = [
        await plan(),
        await store.last('any'),
        await store.last('inForce'),
      ]
      return {
        configured: true,
        file,
        lastRun: last ?? lastRun ?? null,
        lastApplied:
          lastApplied === undefined ? null : { at: lastApplied.at, hash: lastApplied.hash },
        inSync: now.inSync,
        drift: now.changes,
      }
    },
    async [Symbol.asyncDispose]() {
      stopping.abort()
      watch[Symbol.dispose]()
      await loop
      await inTurn
    },
  }
}

/** Enough to go on with: a file of another kind would otherwise fill log, status and mail. */
function shorten(problems: readonly string[]): string[] {
  const rest = problems.length - MOST_PROBLEMS
  const shown = problems.slice(0, MOST_PROBLEMS)
  return rest > 0 ? [...shown, `… and ${rest} more.`] : shown
}

/** The rules' problems as lines; undefined for any other failure. */
function problemsOf(error: unknown, read: SettingsFile): readonly string[] | undefined {
  if (!(error instanceof PosternError) || error.problems.length === 0) return undefined
  return error.problems.map((problem) => read.lineOf(problem))
}

function changesOf({ create, change, remove }: DesiredPlan): SyncChanges {
  return {
    create: [...create],
    change: change.map(({ id, fields }) => ({ id, fields: [...fields] })),
    remove: [...remove],
  }
}

function isEmpty({ create, change, remove }: SyncChanges): boolean {
  return create.length + change.length + remove.length === 0
}

/** A refusal, or finding nothing to do, is news only the first time. */
function isRepeated(previous: SyncRun | undefined, run: SyncRun): boolean {
  if (previous === undefined || run.outcome === 'applied') return false
  const facts = ({ outcome, hash, problems }: SyncRun) => JSON.stringify([outcome, hash, problems])
  return facts(previous) === facts(run)
}
