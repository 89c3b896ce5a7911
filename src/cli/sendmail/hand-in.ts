import {
  addressesIn,
  chooseProfile,
  completeLocalMessage,
  headerRecipients,
  isSenderOf,
  type LocalMessage,
  PRIORITY,
  shownAddress,
  takeIn,
} from '../../outbox/index.ts'
import type { Clock } from '../../platform/clock.ts'
import { createFindings, type Profile, readEmailAddress } from '../../profiles/index.ts'
import { needsSmtpUtf8 } from '../../smtp/index.ts'
import { localUser, type OpenedOutbox } from '../open-outbox.ts'
import type { SendmailRequest } from './arguments.ts'
import { EX, SendmailStop } from './sysexits.ts'

export interface HandIn {
  readonly request: SendmailRequest
  readonly message: LocalMessage
  readonly limitBytes: number
}

/** Accepts the message into the data folder. */
export async function handInLocally(
  { outbox, profiles }: OpenedOutbox,
  { request, message, limitBytes }: HandIn,
  clock: Clock,
): Promise<void> {
  const profile = await profileFor(profiles.list(), request, message, () =>
    chooseProfile(profiles, request.profileId),
  )
  const recipients = await readRecipients(request, message, profile.errorEmailAddress)
  const sender = senderFor(request, profile)
  const intake = outbox.intake()
  const completed = await completeLocalMessage(message, {
    id: intake.id,
    now: clock.now(),
    sender: { name: profile.senderDisplayName, address: profile.senderEmailAddress },
    fullName: request.fullName,
    isOwn: (address) => isSenderOf(profile, address),
  })
  const smtpUtf8 = completed.smtpUtf8 || [sender, ...recipients].some(needsSmtpUtf8)
  await takeIn(intake, one(completed.bytes), {
    // Repairs may make a message of the full size a little larger.
    limitBytes: 2 * limitBytes,
    draft: () => ({
      profileId: profile.id,
      source: 'sendmail',
      priority: PRIORITY.interactive,
      client: `sendmail:${localUser()}`,
      envelope: {
        sender,
        recipients: recipients.map((address) => ({ address, notify: request.notify, orcpt: null })),
        smtpUtf8,
        eightBit: completed.eightBit,
        ret: request.ret,
        envid: request.envid,
      },
      headerFrom: completed.headerFrom,
      subject: completed.subject,
      messageId: completed.messageId,
      once: false,
      bounceTo: null,
      idempotency: null,
    }),
  })
}

/** The named one; else the one that sends as -f, or as the From of the message; else the default. */
async function profileFor(
  profiles: readonly Profile[],
  request: SendmailRequest,
  { fields }: LocalMessage,
  byDefault: () => Profile,
): Promise<Profile> {
  if (request.profileId !== undefined) return byDefault()
  const from = fields.filter(({ name }) => name.toLowerCase() === 'from')
  const named = await Promise.all(from.map(({ value }) => addressesIn(value)))
  for (const address of [request.sender ?? '', ...named.flat()]) {
    const found = profiles.find((profile) => isSenderOf(profile, address))
    if (found !== undefined) return found
  }
  return byDefault()
}

/** The server takes the profile's own addresses only, and the empty one. */
function senderFor({ sender }: SendmailRequest, profile: Profile): string {
  if (sender === '') return ''
  if (sender !== undefined && isSenderOf(profile, sender)) return sender
  return profile.senderEmailAddress
}

/**
 * Those of the arguments and with -t those of the header, each once. A local user has no mailbox here: his mail goes to
 * `localTo`, the people whom the profile tells about errors; null: it cannot be delivered.
 */
export async function readRecipients(
  request: SendmailRequest,
  message: LocalMessage,
  localTo: string | null,
): Promise<readonly string[]> {
  const named = await Promise.all(request.recipients.map(addressesIn))
  const all = [...named.flat(), ...(request.fromHeader ? await headerRecipients(message) : [])]
  if (all.length === 0) {
    throw new SendmailStop(
      request.fromHeader
        ? 'there is no recipient in To, Cc or Bcc of the message, nor among the arguments.'
        : 'there is no recipient: name one, or use -t to take those of the header.',
      EX.usage,
    )
  }
  const read = all.map((address) =>
    isLocal(address) ? toLocal(address, localTo) : readOne(address),
  )
  return [...new Map(read.map((address) => [address.toLowerCase(), address])).values()]
}

function isLocal(address: string): boolean {
  return /^[\w.+-]+(@localhost(\.localdomain)?)?$/i.test(address)
}

function toLocal(user: string, localTo: string | null): string {
  if (localTo !== null) return localTo
  throw new SendmailStop(
    `there is no mailbox of the local user ${shownAddress(user)}: set errorEmailAddress of the profile, to which such mail goes, or name a whole address (MAILTO for cron).`,
    EX.noUser,
  )
}

function readOne(text: string): string {
  const findings = createFindings()
  const address = readEmailAddress(
    text,
    { field: 'recipient', label: shownAddress(text) },
    findings,
  )
  if (address !== undefined && address !== '') return address
  const [problem] = findings.problems
  throw new SendmailStop(problem?.message ?? 'a recipient is empty.', EX.noUser)
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield bytes
}
