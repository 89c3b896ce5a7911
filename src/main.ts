#!/usr/bin/env node
import { commandLineFor, runCli } from './cli/index.ts'
import { systemClock } from './platform/clock.ts'

/** The process edge: arguments, environment, signals, exit code. */
const stop = new AbortController()

// What the data folder holds is for the agent's own user alone.
process.umask(0o077)

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // A second signal means: at once.
    if (stop.signal.aborted) process.exit(signal === 'SIGINT' ? 130 : 143)
    stop.abort(new Error(`stopped by ${signal}`))
  })
}

// A reader that has gone away, such as `head`, ends the command quietly.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    throw error
  })
}

const [, program = '', ...argv] = process.argv

process.exitCode = await runCli(commandLineFor(program, argv), {
  // biome-ignore lint/style/noProcessEnv: the process edge hands the environment to the settings loader
  env: process.env,
  // Opened only by who reads it: an open one would keep the process alive.
  stdin: () => process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  clock: systemClock,
  signal: stop.signal,
})
