import type { CertificateFacts, Failure, SmtpStep } from '../diagnosis/index.ts'
import { assertUsername, toPath } from './command-line.ts'
import { dotStuffed } from './dot-stuffing.ts'
import { offers } from './extensions.ts'
import { type SmtpServer, StepFailed, shorten } from './failures.ts'
import type { SmtpAuthentication } from './mechanism.ts'
import {
  accept,
  createDialogue,
  type Dialogue,
  type DialogueDeps,
  type StepName,
  type StepReport,
} from './opening.ts'
import { headerValue, type SubmissionReceipt, toReceipt } from './receipt.ts'

/** One thing that the probe did; its evidence is shortened. */
export type SmtpProbeStep = StepReport

export interface SmtpProbe {
  steps: SmtpProbeStep[]
  failure: Failure | null
  /** What the server showed, also when it was not accepted. */
  certificate: CertificateFacts | null
  tlsProtocol: string | null
  /** The lines of the last EHLO reply: `SIZE 157286400`, `AUTH LOGIN XOAUTH2`, … */
  capabilities: string[]
  greeting: string | null
  receipt: SubmissionReceipt | null
}

export interface SmtpProbeOptions {
  server: SmtpServer
  authentication: SmtpAuthentication
  /** Sent for real when given; every line of `data` ends with CR LF. */
  message?: { from: string; to: string[]; data: Buffer } | undefined
  signal?: AbortSignal | undefined
}

/** A message that can be sent as it is. */
interface Parcel {
  from: string
  to: string[]
  data: Buffer
  wire: Buffer
}

export async function runProbe(deps: DialogueDeps, options: SmtpProbeOptions): Promise<SmtpProbe> {
  const { server, authentication, message, signal } = options
  if (authentication.type !== 'none') assertUsername(authentication.username)
  const parcel = message && {
    from: toPath(message.from),
    to: message.to.map((address) => toPath(address)),
    data: message.data,
    wire: dotStuffed(message.data),
  }
  signal?.throwIfAborted()

  const steps: SmtpProbeStep[] = []
  const dialogue = createDialogue(deps, {
    server,
    authentication,
    signal,
    report: (step) => steps.push({ ...step, evidence: shorten(step.evidence) }),
  })
  let failure: Failure | null = null
  let receipt: SubmissionReceipt | null = null
  try {
    await dialogue.open()
    if (parcel !== undefined) receipt = await deliver(deps, { server, dialogue, parcel })
  } catch (error) {
    if (!(error instanceof StepFailed)) throw error
    failure = error.failure
  } finally {
    await dialogue.leave()
  }
  return { steps, failure, ...dialogue.facts, receipt }
}

async function deliver(
  { timeouts }: Pick<DialogueDeps, 'timeouts'>,
  options: { server: SmtpServer; dialogue: Dialogue; parcel: Parcel },
): Promise<SubmissionReceipt> {
  const { server, dialogue, parcel } = options
  const { connection, facts } = dialogue

  /** One command whose reply must have the wanted code. */
  const exchange = (name: SmtpStep & StepName, line: string, wanted: RegExp) =>
    dialogue.step(name, timeouts.commandMs, async (limit) =>
      accept(server, name, await connection.command(line, limit), wanted),
    )

  const size = offers(facts.capabilities, 'SIZE') ? ` SIZE=${parcel.data.length}` : ''
  await exchange('mail', `MAIL FROM:${parcel.from}${size}`, /^250$/)
  await dialogue.step('rcpt', timeouts.commandMs, async (limit) => {
    const replies: string[] = []
    for (const path of parcel.to) {
      const reply = await connection.command(`RCPT TO:${path}`, limit)
      replies.push(accept(server, 'rcpt', reply, /^25[01]$/).evidence)
    }
    return { evidence: replies.join('\n'), value: undefined }
  })
  await exchange('data', 'DATA', /^354$/)
  dialogue.setPolite(false)
  const last = await dialogue.step('message', timeouts.dataMs, async (limit) => {
    connection.write([parcel.wire], 1)
    const reply = await connection.read(limit)
    dialogue.setPolite(true)
    return accept(server, 'message', reply, /^250$/)
  })
  const messageId = headerValue(parcel.data, 'message-id') ?? ''
  return toReceipt({ reply: last.text, messageId })
}
