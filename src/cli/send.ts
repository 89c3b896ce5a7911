import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { loadConfig } from '../config/index.ts'
import { diagnosisSentence } from '../diagnosis/index.ts'
import {
  chooseProfile,
  type LocalOutbox,
  type MessageInput,
  type MessageOutcome,
  submitComposed,
} from '../outbox/index.ts'
import { SECOND_MS, toIso } from '../platform/clock.ts'
import { messageOf, PosternError } from '../platform/errors.ts'
import type { Arguments, CliContext, RunCommand } from './command.ts'
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts'
import { localUser, openOutbox } from './open-outbox.ts'
import { terminalText } from './terminal-text.ts'

const LOOK_EVERY_MS = 500
const LONGEST_WAIT_SECONDS = 3600

export const run: RunCommand = async (context, args) => {
  const { env, stdout, stderr, clock } = context
  const waitMs = readWait(args.text('wait'))
  const config = loadConfig({ env, isTerminal: stderr.isTTY === true })
  const input = await readInput(context, args)
  await using opened = await openOutbox(config, context)
  const { outbox, profiles } = opened
  const profile = chooseProfile(profiles, args.text('profile'))
  const { accepted, draft } = await submitComposed(
    { outbox, clock, limitBytes: config.messages.maxBytes },
    input,
    {
      profile,
      source: 'sendmail',
      client: `sendmail:${localUser()}`,
      idempotencyKey: undefined,
    },
  )
  const outcome = waitMs === 0 ? undefined : await waitFor(outbox, accepted.id, waitMs, context)
  const facts = {
    id: accepted.id,
    profile: profile.id,
    state: outcome?.state ?? 'queued',
    acceptedAt: toIso(accepted.acceptedAt),
    messageId: draft.messageId,
    reply: outcome?.reply ?? null,
    diagnosis: outcome?.diagnosis ?? null,
  }
  stdout.write(
    args.flag('json') ? `${JSON.stringify(facts)}\n` : `${terminalText(sentence(facts))}\n`,
  )
  return facts.state === 'failed' || facts.state === 'cancelled' ? EXIT_FAILED : EXIT_OK
}

function sentence(facts: Pick<MessageOutcome, 'id' | 'state' | 'reply' | 'diagnosis'>): string {
  const { id, state, reply, diagnosis } = facts
  const why = diagnosis === null ? '' : ` ${diagnosisSentence(diagnosis)}`
  switch (state) {
    case 'delivered':
      return `Message ${id} is delivered: ${reply ?? 'the server has taken it.'}`
    case 'failed':
      return `Message ${id} has failed.${why}`
    case 'cancelled':
      return `Message ${id} was cancelled.`
    default:
      return `Message ${id} is accepted and will be delivered.${why}`
  }
}

async function readInput(context: CliContext, args: Arguments): Promise<MessageInput> {
  const html = args.text('html')
  const given = args.text('text')
  const text = given ?? (html === undefined ? await readText(context) : undefined)
  const subject = args.text('subject')
  return {
    to: [...args.all('to')],
    cc: [...args.all('cc')],
    bcc: [...args.all('bcc')],
    ...(subject !== undefined && { subject }),
    ...(text !== undefined && { text }),
    ...(html !== undefined && { html: (await readGiven(html)).toString('utf8') }),
    attachments: await Promise.all(
      args.all('attach').map(async (file) => ({
        filename: basename(file),
        content: (await readGiven(file)).toString('base64'),
      })),
    ),
  }
}

async function readText({ stdin }: CliContext): Promise<string> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stdin?.() ?? []) chunks.push(chunk)
  return Buffer.concat(chunks).toString('utf8')
}

async function readGiven(file: string): Promise<Buffer> {
  try {
    return await readFile(file)
  } catch (cause) {
    throw new PosternError(`send: ${file} cannot be read: ${messageOf(cause)}.`, {
      kind: 'invalid',
      code: 'usage',
      cause,
    })
  }
}

function readWait(text: string | undefined): number {
  if (text === undefined) return 0
  const seconds = Number(text.replace(/s$/, ''))
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= LONGEST_WAIT_SECONDS) {
    return seconds * SECOND_MS
  }
  throw new PosternError(`send: --wait is a number of seconds from 1 to ${LONGEST_WAIT_SECONDS}.`, {
    kind: 'invalid',
    code: 'usage',
  })
}

/** The agent is another process, which writes what it has done into the file. */
async function waitFor(
  outbox: LocalOutbox,
  id: string,
  waitMs: number,
  { clock, signal }: CliContext,
): Promise<MessageOutcome> {
  const until = clock.now() + waitMs
  for (;;) {
    const outcome = await outbox.state(id)
    const isOver = !['queued', 'sending'].includes(outcome.state)
    if (isOver || clock.now() >= until) return outcome
    await clock.sleep(Math.min(LOOK_EVERY_MS, Math.max(1, until - clock.now())), signal)
  }
}
