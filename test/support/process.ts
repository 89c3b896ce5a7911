import { type ChildProcess, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { SandboxTenant } from '../../src/sandbox/index.ts'
import { type Call, createCall } from './api.ts'
import { farSchedule } from './far-schedule.ts'
import { repositoryFile } from './golden.ts'
import { SOURCE_FLAGS } from './source-flags.ts'

export interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
}

/** `postern` as a process of its own. Disposing kills it. */
export interface PosternProcess extends AsyncDisposable {
  readonly pid: number
  readonly stdout: readonly string[]
  readonly stderr: readonly string[]
  /** The first line of either stream, already there or to come, that matches; rejects when the process ends before. */
  line(match: RegExp): Promise<string>
  kill(signal: NodeJS.Signals): void
  /** Both streams are read to their end then. */
  readonly ended: Promise<Ended>
}

export type ProcessEnvironment = Readonly<Record<string, string>>

export function startPostern(args: readonly string[], env: ProcessEnvironment): PosternProcess {
  const child: ChildProcess & { stdout: Readable; stderr: Readable } = spawn(
    process.execPath,
    [...SOURCE_FLAGS, repositoryFile('src/main.ts'), ...args],
    // Nothing of the environment of the tests: it may hold settings.
    { env: { PATH: process.env['PATH'] ?? '', ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
  )
  const waiters = new Set<() => void>()
  const stdout = collect(child.stdout)
  const stderr = collect(child.stderr)
  let isOver = false
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      isOver = true
      resolve({ code, signal })
      tell()
    })
  })

  function tell(): void {
    for (const waiter of [...waiters]) waiter()
  }

  function collect(stream: Readable): string[] {
    const lines: string[] = []
    createInterface({ input: stream }).on('line', (line) => {
      lines.push(line)
      tell()
    })
    return lines
  }

  return {
    pid: child.pid ?? -1,
    stdout,
    stderr,
    async line(match) {
      for (;;) {
        const found = [...stdout, ...stderr].find((line) => match.test(line))
        if (found !== undefined) return found
        if (isOver) throw new Error(`ended without ${match}:\n${[...stdout, ...stderr].join('\n')}`)
        await new Promise<void>((resolve) => {
          const waiter = () => {
            waiters.delete(waiter)
            resolve()
          }
          waiters.add(waiter)
        })
      }
    },
    kill: (signal) => void child.kill(signal),
    ended,
    async [Symbol.asyncDispose]() {
      if (!isOver) child.kill('SIGKILL')
      await ended
    },
  }
}

/** Runs a command to its end. */
export async function runPostern(
  args: readonly string[],
  env: ProcessEnvironment,
): Promise<Ended & { stdout: string; stderr: string }> {
  await using child = startPostern(args, env)
  const end = await child.ended
  return { ...end, stdout: child.stdout.join('\n'), stderr: child.stderr.join('\n') }
}

export interface AgentProcess extends PosternProcess {
  readonly url: string
  readonly call: Call
}

/** `postern start`, ready to be asked; `env` names the token in POSTERN_ADMIN_TOKEN. */
export async function startAgentProcess(env: ProcessEnvironment): Promise<AgentProcess> {
  const child = startPostern(['start'], env)
  try {
    const { url } = JSON.parse(await child.line(/"msg":"listening"/))
    return { ...child, url, call: createCall({ url, token: env['POSTERN_ADMIN_TOKEN'] ?? '' }) }
  } catch (error) {
    await child[Symbol.asyncDispose]()
    throw error
  }
}

export const PROCESS_ADMIN_TOKEN = 'process-admin-token-0123456789'

/** Settings of an agent that may talk to this tenant; data folder and certificate lie in `folder`. */
export function agentEnvironment(
  folder: string,
  tenant: Pick<SandboxTenant, 'caPem'>,
): Record<string, string> {
  const caFile = join(folder, 'ca.pem')
  writeFileSync(caFile, tenant.caPem)
  return {
    POSTERN_DATA_DIR: join(folder, 'data'),
    POSTERN_HTTP_PORT: '0',
    POSTERN_RELAY_PORT: '0',
    POSTERN_ADMIN_TOKEN: PROCESS_ADMIN_TOKEN,
    POSTERN_ALLOW_CUSTOM_CLOUD: 'true',
    POSTERN_CA_FILE: caFile,
    POSTERN_VERIFICATION_SCHEDULE: farSchedule(),
  }
}
