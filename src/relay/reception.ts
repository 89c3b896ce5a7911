import {
  type Draft,
  type EnvelopeRecipient,
  type Intake,
  type Outbox,
  PRIORITY,
} from '../outbox/index.ts'
import { messageOf, PosternError } from '../platform/errors.ts'
import type { Logger } from '../platform/logger.ts'
import { needsSmtpUtf8 } from '../smtp/index.ts'
import type { SenderCommand } from './address-command.ts'
import { LONGEST_HEAD_BYTES } from './limits.ts'
import { type Flaw, type HeadPlan, planHead, receivedField, type Trace } from './message/index.ts'
import { type Reply, replyOf } from './reply.ts'
import type { Submitter } from './submitter.ts'

/** One message on its way from the client into the outbox. */
export interface Reception {
  /** A promise: more may come when it resolves. It never rejects. */
  write(content: Buffer): Promise<void> | undefined
  /** After the final dot: accepts the message and answers. It never rejects. */
  finish(flaw: Flaw | null): Promise<Reply>
  /** The client is gone: forgets what has come. */
  abandon(): void
  /** Why it will be refused, as far as that is known already. */
  readonly refusal: Reply | undefined
  readonly sizeBytes: number
  /** Whether what was written last has been copied. */
  readonly hasCopied: boolean
}

export interface ReceptionDeps {
  outbox: Pick<Outbox, 'intake'>
  dateText: () => string
  log: Logger
  submitter: Submitter
  envelope: SenderCommand & { readonly recipients: readonly EnvelopeRecipient[] }
  trace: Omit<Trace, 'messageId' | 'recipients' | 'date' | 'smtpUtf8'>
  limitBytes: number
}

/** Many small pieces of a header section become one: none holds the memory of a large read. */
const MOST_PIECES = 64
const EMPTY_LINE = '\r\n\r\n'

/** The header section is read whole before anything is stored; what follows is passed on as it comes. */
export function createReception(deps: ReceptionDeps): Reception {
  const { outbox, log, limitBytes } = deps
  let pieces: Buffer[] = []
  let pieceBytes = 0
  let sizeBytes = 0
  /** The end of what was searched for the empty line. The first line may be that. */
  let tail = '\r\n'
  let intake: Intake | undefined
  let plan: HeadPlan | undefined
  let refusal: Reply | undefined
  let storing: Promise<void> | undefined
  let isComplete = false
  let hasUtf8Head = false

  function refuse(reply: Reply): void {
    if (refusal !== undefined) return
    refusal = reply
    pieces = []
    pieceBytes = 0
    if (intake !== undefined) void forget(intake)
  }

  async function forget(unfinished: Intake): Promise<void> {
    try {
      await storing
      await unfinished.abort()
    } catch (error) {
      log.warn({ reason: messageOf(error) }, 'bytes of a refused message not removed')
    }
  }

  function fail(error: unknown): void {
    if (!(error instanceof PosternError)) log.error({ err: error }, 'message not accepted')
    else log.warn({ code: error.code, reason: error.message }, 'message not accepted')
    refuse(replyOf(error))
  }

  function push(piece: Buffer): void {
    pieces.push(piece)
    pieceBytes += piece.length
    if (pieces.length > MOST_PIECES) pieces = [Buffer.concat(pieces, pieceBytes)]
  }

  function takeAll(): Buffer {
    const [first] = pieces
    const all =
      pieces.length === 1 && first !== undefined ? first : Buffer.concat(pieces, pieceBytes)
    pieces = []
    pieceBytes = 0
    return all
  }

  /** `headBytes`: how much of the pieces is the header section. */
  function begin(headBytes: number): Promise<void> | undefined {
    try {
      return planWith(headBytes)
    } catch (error) {
      fail(error)
      return undefined
    }
  }

  function planWith(headBytes: number): Promise<void> | undefined {
    const all = takeAll()
    intake = outbox.intake()
    const head = all.toString('latin1', 0, headBytes)
    const date = deps.dateText()
    const planned = planHead(head, { ...deps.submitter, id: intake.id, date })
    if ('code' in planned) {
      refuse(planned)
      return undefined
    }
    plan = planned
    hasUtf8Head = isBeyondAscii(planned.head ?? head)
    const received = receivedField({
      ...deps.trace,
      smtpUtf8: deps.envelope.smtpUtf8,
      messageId: intake.id,
      recipients: deps.envelope.recipients.map(({ address }) => address),
      date,
    })
    const start = Buffer.from(received + planned.added + (planned.head ?? ''), 'latin1')
    return store(intake, [start, planned.head === null ? all : all.subarray(headBytes)])
  }

  function store(into: Intake, parts: readonly Buffer[]): Promise<void> | undefined {
    for (const [index, part] of parts.entries()) {
      const wait = into.write(part)
      if (wait === undefined) continue
      storing = storeRest(into, wait, parts.slice(index + 1)).catch(fail)
      return storing
    }
    return undefined
  }

  async function storeRest(into: Intake, before: Promise<void>, parts: readonly Buffer[]) {
    await before
    for (const part of parts) await into.write(part)
  }

  function lookForHead(content: Buffer): Promise<void> | undefined {
    const before = sizeBytes - content.length
    const at = (tail + content.toString('latin1')).indexOf(EMPTY_LINE)
    if (at >= 0) return begin(before + at - tail.length + 2)
    tail = (tail + content.toString('latin1', Math.max(0, content.length - 3))).slice(-3)
    if (sizeBytes > LONGEST_HEAD_BYTES) refuse(HEAD_TOO_LONG)
    return undefined
  }

  return {
    write(content) {
      sizeBytes += content.length
      if (refusal !== undefined) return undefined
      if (sizeBytes > limitBytes) {
        refuse(tooLarge(limitBytes))
        return undefined
      }
      if (intake !== undefined && plan !== undefined) return store(intake, [content])
      push(content)
      return lookForHead(content)
    },

    async finish(flaw) {
      isComplete = true
      // The final dot may come with bytes that are still being kept.
      await storing
      if (flaw !== null) refuse(FLAWS[flaw])
      if (refusal === undefined && plan === undefined) await begin(pieceBytes)
      if (refusal !== undefined || intake === undefined || plan === undefined) {
        return refusal ?? replyOf(undefined)
      }
      try {
        const { id } = await intake.commit(draftOf(deps, plan, hasUtf8Head))
        return { code: 250, enhanced: '2.0.0', text: `Ok: queued as ${id}` }
      } catch (error) {
        fail(error)
        return replyOf(error)
      }
    },

    abandon() {
      // One that is complete is being committed: it counts, though nobody hears of it.
      if (!isComplete) refuse(replyOf(undefined))
    },
    get refusal() {
      return refusal
    },
    get sizeBytes() {
      return sizeBytes
    },
    get hasCopied() {
      return plan !== undefined && intake?.hasCopied === true
    },
  }
}

function draftOf(deps: ReceptionDeps, plan: HeadPlan, hasUtf8Head: boolean): Draft {
  const { envelope } = deps
  const { client, profile, rules } = deps.submitter
  const { address, isUsable, recipients, smtpUtf8, eightBit, ret, envid } = envelope
  const isOwn = address === '' || (isUsable && rules.allows(address))
  // The policy may be another one since MAIL; what is not usable must not travel under any.
  const isRewritten = !isUsable || (client.fromPolicy === 'rewrite' && !isOwn)
  const sender = isRewritten ? profile.senderEmailAddress : address
  const addresses = [sender, ...recipients.map((recipient) => recipient.address)]
  return {
    profileId: client.profileId,
    source: 'relay',
    priority: PRIORITY[client.priority],
    client: `relay:${client.id}`,
    envelope: {
      sender,
      recipients,
      // Programs in Go say SMTPUTF8 of every message. One that does not need it must not fail at a server without it.
      smtpUtf8: smtpUtf8 && (hasUtf8Head || addresses.some(needsSmtpUtf8)),
      eightBit,
      ret,
      envid,
    },
    headerFrom: plan.headerFrom,
    subject: plan.subject,
    messageId: plan.messageId,
    once: false,
    bounceTo: client.bounces && isOwn && address !== '' ? address : null,
    idempotency: null,
  }
}

function isBeyondAscii(text: string): boolean {
  return /[^\t\r\n -~]/.test(text)
}

export function tooLarge(limitBytes: number): Reply {
  return {
    code: 552,
    enhanced: '5.3.4',
    text: `The message is too large: at most ${limitBytes} bytes are accepted from this relay client.`,
  }
}

const HEAD_TOO_LONG: Reply = {
  code: 552,
  enhanced: '5.3.4',
  text: `The message has more than ${LONGEST_HEAD_BYTES} bytes before its first empty line. Correct the application that writes it.`,
}

// The enhanced code is the one of Exchange Online, which refuses such a message, too.
const BARE_LINE_END =
  'alone. Every line must end with CR LF (RFC 5321 section 2.3.8): correct the application that writes the message.'

const FLAWS: Readonly<Record<Flaw, Reply>> = {
  bareLf: {
    code: 550,
    enhanced: '5.6.11',
    text: `A line of the message ends with LF ${BARE_LINE_END}`,
  },
  bareCr: { code: 550, enhanced: '5.6.11', text: `The message holds a CR ${BARE_LINE_END}` },
  nul: {
    code: 550,
    enhanced: '5.6.11',
    text: 'The message holds a NUL byte, which no mail may hold. Correct the application that writes the message, or let it encode its attachments.',
  },
}
