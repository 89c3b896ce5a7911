import { runCli } from '../../src/cli/index.ts'
import { systemClock } from '../../src/platform/clock.ts'

export interface CliEnd {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command line in this process; what it prints is kept. */
export async function runCommand(
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliEnd> {
  const stdout: string[] = []
  const stderr: string[] = []
  const code = await runCli(argv, {
    env,
    stdout: { write: (text) => stdout.push(text) },
    stderr: { write: (text) => stderr.push(text) },
    clock: systemClock,
    signal: new AbortController().signal,
  })
  return { code, stdout: stdout.join(''), stderr: stderr.join('') }
}
