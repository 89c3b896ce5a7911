import type { Clock } from '../../platform/clock.ts'
import { createFindings, type Profile, readEmailAddress } from '../../profiles/index.ts'
import { MESSAGE_LIMIT_BYTES, type MessageInput, MOST_RECIPIENTS } from '../api.ts'
import { type Accepted, type Draft, type Envelope, PRIORITY, type Source } from '../message.ts'
import type { Outbox } from '../outbox.ts'
import { isSenderOf, needsUtf8, senderAddresses } from './addresses.ts'
import { completeHeader } from './complete-header.ts'
import { composeMime } from './compose-mime.ts'
import { createHashedStream, fingerprintOf } from './fingerprint.ts'
import { fieldsNamed, listedSubject } from './header-block.ts'
import { readMessage } from './read-message.ts'
import { messageInvalid, messageMalformed, uploadIncomplete } from './refusals.ts'
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
 * message_invalid, message_malformed, message_too_large, upload_incomplete and what the outbox throws.
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
  const intake = outbox.intake()
  const header = await completeHeader(submitted.fields, {
    id: intake.id,
    now: clock.now(),
    sender: { name: profile.senderDisplayName, address: profile.senderEmailAddress },
  })
  const foreign = header.from.find((address) => !isSenderOf(profile, address))
  if (foreign !== undefined || header.from.length === 0) throw fromForeign(profile)
  const draft = (): Draft => {
    const smtpUtf8 = header.utf8 || [sender, ...recipients].some(needsUtf8)
    return {
      ...common(submitter),
      priority: PRIORITY.interactive,
      envelope: envelopeOf(sender, recipients, { smtpUtf8, eightBit: submitted.eightBit() }),
      headerFrom: header.from[0]?.toLowerCase() ?? null,
      subject: header.subject,
      messageId: header.messageId,
      idempotency: idempotencyOf(submitter, () =>
        fingerprintOf([profile.id, sender, recipients, hashed.digest()]),
      ),
    }
  }
  const bytes = prefixed(header.bytes, submitted.body)
  return await takeIn(intake, bytes, { limitBytes, draft })
}

function readEnvelope(
  { from, to }: SubmittedEnvelope,
  profile: Profile,
): { sender: string; recipients: readonly string[] } {
  const findings = createFindings()
  const read = (value: string, field: string) => {
    const address = readEmailAddress(value, { field, label: field }, findings)
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

function fromForeign(profile: Profile) {
  const message = `The From field of the message ${foreignWords(profile)}`
  return messageInvalid([{ field: 'header.from', message }])
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
