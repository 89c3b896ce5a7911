import { spawn } from 'node:child_process'
import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import { expect, type TestContext } from 'vitest'
import { SECOND_MS } from '../../src/platform/clock.ts'
import { RELAY_CERTIFICATE_FILE } from '../../src/relay/index.ts'
import { startAgent, type TestAgent } from '../support/agent.ts'
import { runCommand } from '../support/cli.ts'
import { temporaryFolder } from '../support/folder.ts'
import { repositoryFile } from '../support/golden.ts'
import { type ReadMail, readMail } from '../support/mail.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { skipFor } from '../support/skip.ts'

export const RECIPES = repositoryFile('deploy/recipes')
export const SENDER = 'alerts@contoso.com'

export interface Arrived extends ReadMail {
  readonly envelope: { readonly from: string; readonly to: readonly string[] }
  /** What the relay says of the way in: SMTP, ESMTP, ESMTPSA, …; null: it did not pass the relay. */
  readonly way: string | null
}

/** An agent with an open relay, and a folder for the settings of its clients. */
export interface RecipeRig extends AsyncDisposable {
  readonly agent: TestAgent
  readonly folder: string
  readonly port: number
  readonly username: string
  readonly password: string
  readonly certificateFile: string
  /** A program that does what /usr/local/bin/postern does. */
  readonly postern: string
  /** The text of a recipe with what is true here in the place of its examples; `to`: the recipient. */
  fill(text: string, to: string): string
  /** Fills a block of a recipe and writes it to a file of the folder. */
  write(file: string, text: string, to?: string): string
  mailTo(address: string): Promise<Arrived>
}

/** What stands for something else in the recipes; POSTERN_SENDMAIL_USERNAME is a name. */
const EXAMPLES =
  /\/etc\/postern\/relay-cert\.pem|\/usr\/local\/bin\/postern|\/var\/lib\/postern|postern\.example|2587|(?<!_)USERNAME|(?<!_)PASSWORD|you@contoso\.com/g

/** The fenced block of a recipe with this name: ```yaml with-login */
export function block(recipe: string, name: string): string {
  const text = readFileSync(join(RECIPES, `${recipe}.md`), 'utf8')
  const found = [...text.matchAll(/^```\w+ (\S+)\n(.*?)^```$/gms)].filter(([, tag]) => tag === name)
  const [, , content] = found[0] ?? []
  if (content === undefined || found.length > 1) throw new Error(`${recipe}: no one ${name}`)
  return content
}

/** Every `postern client create …` of a recipe. */
export function createCommands(recipe: string): readonly string[] {
  const text = readFileSync(join(RECIPES, `${recipe}.md`), 'utf8')
  return [...text.matchAll(/^postern client create .*$/gm)].map(([line]) =>
    line.replace(/\s*#.*$/, ''),
  )
}

/** `create`: commands of recipes that make the relay clients. An address in them becomes the one of this machine. */
export async function startRecipes(create: readonly string[]): Promise<RecipeRig> {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(temporaryFolder()).path
  const clock = createMovableClock()
  const relay = { host: '127.0.0.1', port: 0, name: undefined, certificateFiles: undefined }
  const agent = opened.use(
    await startAgent({
      clock,
      config: { relay: { ...relay, maxMessageBytes: 1024 * 1024 } },
    }),
  )
  const profile = agent.profile({ delivery: { messagesPerMinute: null } })
  const made = await agent.call('POST', 'profiles', profile)
  expect(made.status, made.text).toBe(201)
  await agent.agent.idle()

  const env = { POSTERN_DATA_DIR: agent.dataDir, POSTERN_ALLOW_CUSTOM_CLOUD: 'true' }
  let [username, password] = ['', '']
  for (const command of create) {
    const argv = command.replace('192.0.2.17', '127.0.0.1').split(/\s+/).slice(1)
    const { code, stdout, stderr } = await runCommand(argv, env)
    expect(code, stderr).toBe(0)
    username = /^username (\S+)$/m.exec(stdout)?.[1] ?? username
    password = /^password (\S+)$/m.exec(stdout)?.[1] ?? password
  }
  // The agent looks four times a second for what other processes have changed.
  clock.set(SECOND_MS)

  const port = agent.agent.relay.address()?.port ?? 0
  expect(port, agent.agent.relay.problem() ?? '').toBeGreaterThan(0)
  const certificateFile = join(agent.dataDir, RELAY_CERTIFICATE_FILE)
  const postern = join(folder, 'bin/postern')
  mkdirSync(dirname(postern))
  const main = repositoryFile('src/main.ts')
  const script = `#!/bin/sh\nexport POSTERN_ALLOW_CUSTOM_CLOUD=true\nexec '${process.execPath}' '${main}' "$@"\n`
  writeFileSync(postern, script, { mode: 0o755 })

  const real = new Map([
    ['/etc/postern/relay-cert.pem', certificateFile],
    ['/usr/local/bin/postern', postern],
    ['/var/lib/postern', agent.dataDir],
    ['postern.example', 'localhost'],
    ['2587', String(port)],
    ['USERNAME', username],
    ['PASSWORD', password],
  ])
  function fill(text: string, to: string): string {
    return text.replace(EXAMPLES, (example) => real.get(example) ?? to)
  }
  const held = opened.move()
  return {
    agent,
    folder,
    port,
    username,
    password,
    certificateFile,
    postern,
    fill,
    write(file, text, to = 'nobody@contoso.com') {
      const path = join(folder, file)
      writeFileSync(path, fill(text, to), { mode: text.startsWith('#!') ? 0o755 : 0o600 })
      return path
    },
    async mailTo(address) {
      const { inbox } = agent.tenant.tenant
      const wait = AbortSignal.timeout(60 * SECOND_MS)
      const { envelope, raw } = await inbox.waitFor((m) => m.envelope.to.includes(address), wait)
      const mail = readMail(raw)
      const trace = mail.header('Received').find((value) => value.includes('(Postern)'))
      return { ...mail, envelope, way: / with (\w+) /.exec(trace ?? '')?.[1] ?? null }
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

export interface ProgramEnd {
  readonly code: number | null
  /** Both streams. */
  readonly output: string
}

/** Runs a program to its end. */
export function runProgram(
  file: string,
  args: readonly string[],
  options: { input?: string; cwd?: string; env?: Readonly<Record<string, string>> } = {},
): Promise<ProgramEnd> {
  const child = spawn(file, args, {
    cwd: options.cwd,
    env: { PATH: process.env['PATH'] ?? '', ...options.env },
  })
  return new Promise((resolve, reject) => {
    let output = ''
    const keep = (chunk: Buffer) => {
      output += chunk.toString()
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.on('error', reject)
    child.on('close', (code) => resolve({ code, output }))
    // A program that ends without reading is judged by its exit code.
    child.stdin.on('error', () => {})
    child.stdin.end(options.input ?? '')
  })
}

/** The path of the first of these programs that is installed; skips the test when none is. */
export function installed(context: Pick<TestContext, 'skip'>, ...names: readonly string[]): string {
  const folders = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin`.split(delimiter)
  for (const path of names.flatMap((name) => folders.map((folder) => join(folder, name)))) {
    try {
      accessSync(path, constants.X_OK)
      return path
    } catch {}
  }
  return skipFor(context, `${names.join(' or ')} is not installed`)
}
