import { type Config, loadConfig } from '../config/index.ts'
import { readLocalMessage } from '../outbox/index.ts'
import { PosternError } from '../platform/errors.ts'
import type { CliContext, RunCommand } from './command.ts'
import { type OpenedOutbox, openOutbox } from './open-outbox.ts'
import { readArguments } from './sendmail/arguments.ts'
import { type HandIn, handInLocally } from './sendmail/hand-in.ts'
import { readInput } from './sendmail/read-input.ts'
import { sendToRelay } from './sendmail/relay-path.ts'
import { EX, SendmailStop, sentenceOf, sysexitOf } from './sendmail/sysexits.ts'
import { terminalText } from './terminal-text.ts'

/** Silence and 0, or one sentence and an exit code of sysexits.h: what callers of sendmail expect. */
export const run: RunCommand = async (context, args) => {
  try {
    const request = readArguments(args.positionals)
    if ('sentence' in request) throw new SendmailStop(request.sentence, request.exitCode)
    const config = loadConfig({ env: context.env, isTerminal: false })
    const limitBytes = config.messages.maxBytes
    const bytes = await readInput(context.stdin?.() ?? nothing(), {
      ignoreDots: request.ignoreDots,
      limitBytes,
    })
    const message = await readLocalMessage(once(bytes), { limitBytes: 2 * limitBytes })
    await handIn(config, { request, message, limitBytes }, context)
    return EX.ok
  } catch (error) {
    context.stderr.write(`sendmail: ${terminalText(sentenceOf(error))}\n`)
    return sysexitOf(error)
  }
}

/** Into the data folder, or to the relay where that cannot be opened: by another user, or in another container. */
async function handIn(config: Config, mail: HandIn, context: CliContext): Promise<void> {
  let opened: OpenedOutbox
  try {
    opened = await openOutbox(config, context)
  } catch (closed) {
    if (!mayTryRelay(closed) || !config.relay.port) throw closed
    await sendToRelay(config, mail, context, closed)
    return
  }
  await using local = opened
  await handInLocally(local, mail, context.clock)
}

/** Wrong settings stay wrong on every way. */
function mayTryRelay(error: unknown): boolean {
  return !(error instanceof PosternError) || error.code !== 'settings_invalid'
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes
}

async function* nothing(): AsyncGenerator<Uint8Array, void> {}
