import { execFile, spawn } from 'node:child_process'
import { chmodSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { runCli } from '../../../src/cli/index.ts'
import type { StoredMessage } from '../../../src/outbox/index.ts'
import { createOutboxStore } from '../../../src/outbox/store/create-store.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { repositoryFile } from '../../support/golden.ts'
import { ALICE, createRig, profileInput, type Rig } from '../profiles/harness.ts'

export interface CommandEnd {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface StoredMail {
  readonly message: StoredMessage
  readonly recipients: readonly { address: string; notify: string | null }[]
  /** Latin-1, byte for byte. */
  readonly raw: string
}

export interface SendmailBench extends AsyncDisposable {
  readonly rig: Rig
  readonly folder: string
  readonly env: Readonly<Record<string, string>>
  /** Runs a command line in this process. */
  run(
    argv: readonly string[],
    input?: string | Buffer,
    env?: Readonly<Record<string, string>>,
  ): Promise<CommandEnd>
  /** Oldest first. */
  accepted(): Promise<readonly StoredMail[]>
  last(): Promise<StoredMail>
  /** An executable called sendmail. */
  program(): string
  /** Any program, as a process of its own. */
  spawn(
    file: string,
    args: readonly string[],
    options?: { input?: string; env?: Record<string, string>; uid?: number; keepOpen?: boolean },
  ): Promise<CommandEnd>
}

/** A data folder with one profile and the storage of an agent that does not deliver. */
export async function createSendmailBench(
  profile: Record<string, unknown> = {},
): Promise<SendmailBench> {
  await using opened = new AsyncDisposableStack()
  const rig = opened.use(await createRig())
  const { path: folder } = opened.use(temporaryFolder())
  await rig.profiles.create(profileInput(profile), ALICE)
  const store = opened.use(await createOutboxStore({ db: rig.storage.db, role: 'companion' }))
  const env = { POSTERN_DATA_DIR: rig.dataDir, POSTERN_RELAY_PORT: '0' }
  const accepted: SendmailBench['accepted'] = async () => {
    const messages = await store.list({}, { limit: 100, before: undefined })
    const found = await Promise.all(
      messages.map(async (message) => {
        const chunks: Uint8Array[] = []
        for (let i = 0; ; i++) {
          const chunk = await store.readChunk(message.id, i)
          if (chunk === undefined) break
          chunks.push(chunk)
        }
        const detail = await store.find(message.id)
        const raw = Buffer.concat(chunks).toString('latin1')
        return { message, recipients: detail?.recipients ?? [], raw }
      }),
    )
    return found.reverse()
  }
  const held = opened.move()
  return {
    rig,
    folder,
    env,
    accepted,
    async last() {
      const last = (await accepted()).at(-1)
      if (last === undefined) throw new Error('nothing was accepted')
      return last
    },
    async run(argv, input = '', given = env) {
      // Each message at an instant of its own: that is their order.
      rig.clock.set(rig.clock.now() + 1)
      const out: string[] = []
      const err: string[] = []
      const code = await runCli(argv, {
        env: given,
        stdin: async function* () {
          if (input.length > 0) yield Buffer.from(input)
        },
        stdout: { write: (text) => out.push(text) },
        stderr: { write: (text) => err.push(text) },
        clock: rig.clock,
        signal: new AbortController().signal,
      })
      return { code, stdout: out.join(''), stderr: err.join('') }
    },
    program() {
      const link = join(folder, 'sendmail')
      symlinkSync(repositoryFile('src/main.ts'), link)
      const script = join(folder, 'run-sendmail')
      writeFileSync(script, `#!/bin/sh\nexec ${process.execPath} ${link} "$@"\n`)
      chmodSync(script, 0o755)
      return script
    },
    spawn: (file, args, options = {}) =>
      new Promise((resolve, reject) => {
        const { input = '', env: more = {}, uid, keepOpen = false } = options
        const child = spawn(file, args, {
          env: { PATH: process.env['PATH'] ?? '', ...env, ...more },
          stdio: ['pipe', 'pipe', 'pipe'],
          ...(uid !== undefined && { uid, gid: uid }),
        })
        let stdout = ''
        let stderr = ''
        child.stdout.on('data', (chunk) => {
          stdout += chunk
        })
        child.stderr.on('data', (chunk) => {
          stderr += chunk
        })
        child.stdin.on('error', () => {})
        child.once('error', reject)
        child.once('close', (code) => resolve({ code, stdout, stderr }))
        child.stdin.write(input)
        if (!keepOpen) child.stdin.end()
      }),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/** Where a program of this machine is; undefined: it is not installed. */
export function findProgram(name: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    execFile('/bin/sh', ['-c', `command -v ${name}`], (_error, stdout) => {
      resolve(stdout.trim() === '' ? undefined : stdout.trim())
    })
  })
}
