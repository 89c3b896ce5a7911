import type { Environment } from '../config/index.ts'
import type { Clock } from '../platform/clock.ts'

/** A stream the command prints to; colours and ticks only where it is a terminal. */
export interface Output {
  write(text: string): unknown
  readonly isTTY?: boolean | undefined
}

/** The world of a command. Everything outside comes in here, so that tests run commands in-process. */
export interface CliContext {
  readonly env: Environment
  /** Standard input, for the few commands that read it; absent: there is none. */
  readonly stdin?: () => AsyncIterable<Uint8Array>
  readonly stdout: Output
  readonly stderr: Output
  readonly clock: Clock
  /** Aborted by SIGINT and SIGTERM. */
  readonly signal: AbortSignal
}

export interface OptionSpec {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  /** May be given more than once: read with `all`. */
  readonly multiple?: boolean
  /** Shown in the help after the name: `--send-to ADDRESS`. */
  readonly value?: string
  readonly description: string
}

export interface CommandSpec {
  readonly name: string
  readonly summary: string
  /** Positional arguments as shown in the usage line, such as `[PROFILE]`. */
  readonly positionals: readonly string[]
  readonly options: Readonly<Record<string, OptionSpec>>
  /** Reads its arguments itself: they come as positionals, options included. */
  readonly ownArguments?: boolean
  /** Exit code of errors where 1 has another meaning; default: by the error's kind. */
  readonly errorExitCode?: number
  /** Lines after the options: exit codes, examples. */
  readonly notes: readonly string[]
  /** Loads the command's code only when it runs: `postern healthcheck` must stay light. */
  load(): Promise<{ run: RunCommand }>
}

export interface Arguments {
  readonly positionals: readonly string[]
  text(name: string): string | undefined
  all(name: string): readonly string[]
  flag(name: string): boolean
}

/** Resolves with the exit code. */
export type RunCommand = (context: CliContext, args: Arguments) => Promise<number>
