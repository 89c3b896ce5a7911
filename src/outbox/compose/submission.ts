import type { Clock } from '../../platform/clock.ts'
import { createFindings, type Profile, readEmailAddress } from '../../profiles/index.ts'
import { MESSAGE_LIMIT_BYTES, type MessageInput, MOST_RECIPIENTS } from '../api.ts'
import { type Accepted, type Draft, type Envelope, PRIORITY, type Source } from '../message.ts'
import type { Outbox } from '../outbox.ts'
import { isSenderOf, needsUtf8, senderAddresses, shownAddress } from './addresses.ts'
import { completeHeader } from './complete-header.ts'
import { composeMime } from './compose-mime.ts'
import { createHashedStream, fingerprintOf } from './fingerprint.ts'
import { fieldsNamed, type HeaderField, listedSubject, withField } from './header-block.ts'
import { readMessage } from './read-message.ts'
import { messageEmpty, messageInvalid, messageMalformed, uploadIncomplete } from './refusals.ts'
import { readSenderField } from './sender-field.ts'
import { prefixedSubject } from './subject-prefix.ts'
import { readSubmitted } from './submitted-message.ts'
import { takeIn } from './take-in.ts'

export interface SubmissionDeps {
  outbox: Pick<Outbox, 'intake'>
  clock: Clock
  limitBytes?: number | undefined
}

/** Who hands a message in, through which profile. */
export interface Submitter {
  readonly profile: Profile
  readonly source: Source
  readonly client: string
  readonly idempotencyKey: string | undefined
}

export interface SubmittedEnvelope {
  /** Undefined: the sender of the profile. */
  readonly from: string | undefined
  readonly to: readonly string[]
}

export interface Submitted {
  readonly accepted: Accepted
  readonly draft: Draft
}

/** Accepts a message that is described in JSON. Throws message_invalid, message_too_large and what the outbox throws. */
export async function submitComposed(
  { outbox, clock, limitBytes = MESSAGE_LIMIT_BYTES }: SubmissionDeps,
  input: MessageInput,
  submitter: Submitter,
): Promise<Submitted> {
  const message = readMessage(input, submitter.profile)
  const intake = outbox.intake()
  const { messageId, bytes } = await composeMime(message, { id: intake.id, now: clock.now() })
  const { from, to, cc, replyTo, recipients } = message
  // In the header stand some of these; what is composed else is ASCII.
  const addresses = [from, ...to, ...cc, ...replyTo].map(({ address }) => address)
  const smtpUtf8 = [...addresses, ...recipients].some(needsUtf8)
  const draft = (): Draft => ({
    ...common(submitter),
    priority: input.priority === 'bulk' ? PRIORITY.bulk : PRIORITY.interactive,
    envelope: envelopeOf(from.address, recipients, { smtpUtf8, eightBit: smtpUtf8 }),
    headerFrom: from.address.toLowerCase(),
    subject: listedSubject(message.subject),
    messageId,
    idempotency: idempotencyOf(submitter, () => fingerprintOf(input)),
  })
  return await takeIn(intake, bytes, { limitBytes, draft })
}

/**
 * Accepts a finished message, piece by piece. Its recipients are those of the envelope and no others. Throws
 * message_invalid, message_malformed, message_empty, message_too_large, upload_incomplete and what the outbox throws.
 */
export async function submitRaw(
  { outbox, clock, limitBytes = MESSAGE_LIMIT_BYTES }: SubmissionDeps,
  source: AsyncIterable<Uint8Array>,
  envelope: SubmittedEnvelope,
  submitter: Submitter,
): Promise<Submitted> {
  const { profile } = submitter
  const { sender, recipients } = readEnvelope(envelope, profile)
  const hashed = createHashedStream(wholeOrRefused(source))
  const submitted = await readSubmitted(hashed.bytes, { rule: 'refuse', limitBytes })
  if (fieldsNamed(submitted.fields, 'from').length > 1) {
    throw messageMalformed('the message has more than one From field: send one.')
  }
  const headerFrom = readHeaderSender(submitted.fields, profile)
  const intake = outbox.intake()
  const header = await completeHeader(withPrefix(submitted.fields, profile), {
    id: intake.id,
    now: clock.now(),
    sender: { name: profile.senderDisplayName, address: profile.senderEmailAddress },
  })
  const body = counted(submitted.body)
  const draft = (): Draft => {
    if (submitted.fields.length === 0 && body.sizeBytes() === 0) throw messageEmpty()
    const smtpUtf8 = header.utf8 || [sender, ...recipients].some(needsUtf8)
    return {
      ...common(submitter),
      priority: PRIORITY.interactive,
      envelope: envelopeOf(sender, recipients, { smtpUtf8, eightBit: submitted.eightBit() }),
      headerFrom,
      subject: header.subject,
      messageId: header.messageId,
      idempotency: idempotencyOf(submitter, () =>
        fingerprintOf([profile.id, sender, recipients, hashed.digest()]),
      ),
    }
  }
  const bytes = prefixed(header.bytes, body.bytes)
  return await takeIn(intake, bytes, { limitBytes, draft })
}

function readEnvelope(
  { from, to }: SubmittedEnvelope,
  profile: Profile,
): { sender: string; recipients: readonly string[] } {
  const findings = createFindings()
  const read = (value: string, field: string) => {
    const label = `${field} ${shownAddress(value)}`
    const address = readEmailAddress(value, { field, label }, findings)
    if (address === '') findings.problem(field, `${field} is empty: enter a whole address.`)
    return address ?? ''
  }
  const sender = from === undefined ? profile.senderEmailAddress : read(from, 'from')
  const addresses = to.map((address) => read(address, 'to'))
  const byKey = new Map(addresses.map((address) => [address.toLowerCase(), address]))
  if (to.length === 0) {
    findings.problem(
      'to',
      'The message has no recipient: name each in the query as to=ada@example.com. Recipients are never read from the header.',
    )
  }
  if (byKey.size > MOST_RECIPIENTS) {
    findings.problem(
      'to',
      `A message can have at most ${MOST_RECIPIENTS} recipients: send it in parts.`,
    )
  }
  if (findings.problems.length === 0 && !isSenderOf(profile, sender)) {
    findings.problem('from', `from ${foreignWords(profile)}`)
  }
  if (findings.problems.length > 0) throw messageInvalid(findings.problems)
  return { sender, recipients: [...byKey.values()] }
}

/**
 * The address that the message says it comes from. Sender counts like From: programs show one or the other. What is
 * not written in a way that all of them read alike is refused.
 */
function readHeaderSender(fields: readonly HeaderField[], profile: Profile): string {
  const [from] = ['from', 'sender'].map((name) => {
    const label = name === 'from' ? 'From' : 'Sender'
    const refuse = (what: string) =>
      messageInvalid([
        { field: `header.${name}`, message: `The ${label} field of the message ${what}` },
      ])
    return fieldsNamed(fields, name).flatMap(({ value }) => {
      const addresses = readSenderField(value)
      if (addresses === undefined) throw refuse(UNREADABLE)
      if (!addresses.every((address) => isSenderOf(profile, address))) {
        throw refuse(foreignWords(profile))
      }
      return addresses
    })
  })
  return from?.[0] ?? profile.senderEmailAddress.toLowerCase()
}

const UNREADABLE =
  'is not one address, or a name with the address in angle brackets, as every program reads it: write it as Alerts <alerts@example.com>, with quotes around a name that has other signs than letters.'

function withPrefix(
  fields: readonly HeaderField[],
  { subjectPrefix }: Profile,
): readonly HeaderField[] {
  if (subjectPrefix === '') return fields
  const value = prefixedSubject(fieldsNamed(fields, 'subject')[0]?.rawValue, subjectPrefix)
  return value === undefined ? fields : withField(fields, 'Subject', value)
}

function foreignWords(profile: Profile): string {
  return `is not an address of profile “${profile.id}”, which sends as ${senderAddresses(profile).join(' or ')}: leave it out, or send through the profile of that address.`
}

function common({ profile, source, client }: Submitter) {
  return {
    profileId: profile.id,
    source,
    client,
    once: false,
    bounceTo: null,
  } satisfies Partial<Draft>
}

function envelopeOf(
  sender: string,
  recipients: readonly string[],
  { smtpUtf8, eightBit }: { smtpUtf8: boolean; eightBit: boolean },
): Envelope {
  return {
    sender,
    recipients: recipients.map((address) => ({ address, notify: null, orcpt: null })),
    smtpUtf8,
    eightBit,
    ret: null,
    envid: null,
  }
}

function idempotencyOf(
  { idempotencyKey: key }: Submitter,
  fingerprint: () => string,
): Draft['idempotency'] {
  return key === undefined ? null : { key, fingerprint: fingerprint() }
}

function counted(source: AsyncIterable<Uint8Array>): {
  bytes: AsyncIterable<Uint8Array>
  sizeBytes(): number
} {
  let total = 0
  return {
    bytes: (async function* () {
      for await (const chunk of source) {
        total += chunk.length
        yield chunk
      }
    })(),
    sizeBytes: () => total,
  }
}

async function* prefixed(
  header: Uint8Array,
  body: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  yield header
  yield* body
}

/** A connection that breaks is the sender's error, not one of Postern's own. */
async function* wholeOrRefused(
  source: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void> {
  try {
    yield* source
  } catch (error) {
    throw uploadIncomplete(error)
  }
}
