import { parseArgs } from 'node:util'
import { codeOf, messageOf, PosternError } from '../platform/errors.ts'
import type { Arguments, CliContext, CommandSpec } from './command.ts'
import { COMMANDS } from './commands.ts'
import { EXIT_CODE_OF, EXIT_FAILED, EXIT_OK, EXIT_USAGE } from './exit-codes.ts'
import { renderHelp, renderOverview } from './help.ts'
import { optionSentence } from './option-words.ts'
import { terminalText } from './terminal-text.ts'

/** Under the name of another program, such as a link called sendmail, Postern is that program. */
export function commandLineFor(program: string, argv: readonly string[]): readonly string[] {
  return /(^|[/\\])sendmail$/.test(program) ? ['sendmail', ...argv] : argv
}

/** Runs one command line (without `node` and the script) and resolves with the exit code. */
export async function runCli(argv: readonly string[], context: CliContext): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    const wanted = COMMANDS.find((command) => command.name === rest[0])
    context.stdout.write(wanted === undefined ? renderOverview(COMMANDS) : renderHelp(wanted))
    return name === undefined ? EXIT_USAGE : EXIT_OK
  }
  const command = COMMANDS.find(
    (candidate) => candidate.name === (name === '--version' ? 'version' : name),
  )
  if (command === undefined) {
    context.stderr.write(
      `postern: there is no command "${terminalText(name)}". Commands: ${COMMANDS.map((c) => c.name).join(', ')}. Try postern --help.\n`,
    )
    return EXIT_USAGE
  }
  if (rest.includes('--help') || (command.ownArguments !== true && rest.includes('-h'))) {
    context.stdout.write(renderHelp(command))
    return EXIT_OK
  }
  const args = parse(command, rest)
  if (typeof args === 'string') {
    context.stderr.write(
      `postern ${command.name}: ${terminalText(args)}. Try postern ${command.name} --help.\n`,
    )
    return command.errorExitCode ?? EXIT_USAGE
  }
  try {
    const { run } = await command.load()
    return await run(context, args)
  } catch (error) {
    const exitCode = report(error, context, command.options)
    return command.errorExitCode ?? exitCode
  }
}

function parse(command: CommandSpec, argv: readonly string[]): Arguments | string {
  if (command.ownArguments === true) {
    return { positionals: argv, text: () => undefined, all: () => [], flag: () => false }
  }
  const options = Object.fromEntries(
    Object.entries(command.options).map(([name, { type, short, multiple = false }]) => [
      name,
      { type, multiple, ...(short !== undefined && { short }) },
    ]),
  )
  try {
    const { values, positionals } = parseArgs({
      args: [...argv],
      options,
      allowPositionals: command.positionals.length > 0,
      strict: true,
    })
    if (positionals.length > command.positionals.length) {
      return `too many arguments: ${positionals.slice(command.positionals.length).join(' ')}`
    }
    return {
      positionals,
      text: (name) => {
        const value = values[name]
        return typeof value === 'string' ? value : undefined
      },
      all: (name) => {
        const value = values[name]
        return Array.isArray(value) ? value.map(String) : []
      },
      flag: (name) => values[name] === true,
    }
  } catch (error) {
    return messageOf(error)
      .replace(/\.? To specify a positional.*$/s, '')
      .replace(/\.$/, '')
  }
}

/** The face of an error on the command line: every problem on a line of its own. */
function report(
  error: unknown,
  { stderr, signal }: CliContext,
  options: CommandSpec['options'],
): number {
  const say = (sentence: string) => stderr.write(`postern: ${terminalText(sentence)}\n`)

  if (signal.aborted && error === signal.reason) return EXIT_FAILED
  if (error instanceof PosternError) {
    if (error.problems.length > 0) {
      for (const problem of error.problems) say(optionSentence(problem, options))
    } else {
      say(error.message)
    }
    return EXIT_CODE_OF[error.kind]
  }
  const code = codeOf(error)
  say(`${messageOf(error)}${code === undefined ? '' : ` (${code})`}`)
  return EXIT_FAILED
}
