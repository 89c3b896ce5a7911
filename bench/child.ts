import { spawn } from 'node:child_process'
import { EventEmitter, once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'

export const ROOT = fileURLToPath(new URL('../', import.meta.url))

/** As the container image sets them, for every server process. */
const IMAGE = {
  NODE_OPTIONS: ofImage(/NODE_OPTIONS="([^"]+)"/),
  MALLOC_ARENA_MAX: ofImage(/MALLOC_ARENA_MAX=(\d+)/),
}

export interface Child extends AsyncDisposable {
  readonly pid: number
  /** The first line of standard output that is JSON of this shape; rejects when the process ends before it. */
  line<Schema extends TSchema>(schema: Schema): Promise<Static<Schema>>
  /** Writes a line to its standard input; the next line of this shape that it prints. One call at a time. */
  ask<Schema extends TSchema>(text: string, schema: Schema): Promise<Static<Schema>>
  /** Nobody looks at its output any more: it is read and thrown away, at no cost to what is measured. */
  ignoreOutput(): void
  /** Ends it with SIGTERM, by its own id; at once with SIGKILL. */
  stop(signal?: NodeJS.Signals): Promise<void>
}

/** Starts `node <args>` with a small environment of its own. */
export function startChild(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Child {
  const { PATH = '', HOME = '', TMPDIR = '/tmp' } = process.env
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH, HOME, TMPDIR, ...IMAGE, ...environment },
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`node ${args.join(' ')} could not be started`)
  const ended = once(child, 'exit')
  const lines: unknown[] = []
  const news = new EventEmitter()
  const reader = createInterface({ input: child.stdout }).on('line', (text) => {
    lines.push(parse(text))
    news.emit('line')
  })
  // Of a process that has ended: its end is what is told.
  child.stdin.on('error', () => {})

  async function lineFrom<Schema extends TSchema>(
    from: number,
    schema: Schema,
  ): Promise<Static<Schema>> {
    for (;;) {
      const found = lines.find((line, index) => index >= from && Value.Check(schema, line))
      if (found !== undefined) return Value.Parse(schema, found)
      const [reason] = await Promise.race([once(news, 'line'), ended.then(() => ['ended'])])
      if (reason === 'ended') throw new Error(`node ${args.join(' ')} ended early`)
    }
  }

  return {
    pid,
    line: (schema) => lineFrom(0, schema),
    ask(text, schema) {
      const from = lines.length
      child.stdin.write(`${text}\n`)
      return lineFrom(from, schema)
    },
    ignoreOutput() {
      reader.close()
      child.stdout.resume()
    },
    async stop(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      await ended
    },
    [Symbol.asyncDispose]() {
      return this.stop()
    },
  }
}

/** What every server process here prints when it listens; the agent's log line has it too. */
export const Listening = Type.Object({ url: Type.String() })

function ofImage(setting: RegExp): string {
  const [, value] = setting.exec(readFileSync(`${ROOT}Dockerfile`, 'utf8')) ?? []
  if (value === undefined) throw new Error(`the Dockerfile does not set ${setting}`)
  return value
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
