import type { Profile } from '../../profiles/index.ts'
import type { MailMessage } from '../../smtp/index.ts'
import { type Draft, type Envelope, PRIORITY } from '../message.ts'
import type { NewMessage } from '../outbox-store.ts'
import { isAscii } from './status-text.ts'

/** Who hands in Postern's own mail. */
export const OWN_CLIENT = 'postern'

/** Of a mail that Postern composes: its bytes are ASCII, whatever its words are. */
export function ownEnvelope({ from, to }: Pick<MailMessage, 'from' | 'to'>): Envelope {
  return {
    sender: from.address,
    recipients: to.map((address) => ({ address, notify: null, orcpt: null })),
    smtpUtf8: ![from.address, ...to].every(isAscii),
    eightBit: false,
    ret: null,
    envid: null,
  }
}

/** What tells of failed mail: sent like all mail, with all its tries, and never told of itself. */
export function notification(
  profile: Profile,
  mail: {
    readonly id: string
    readonly source: 'report' | 'bounce'
    readonly envelope: Envelope
    readonly subject: string
    readonly messageId: string | null
    readonly body: Uint8Array
  },
  acceptedAt: number,
): { message: NewMessage; body: Uint8Array } {
  const { id, source, envelope, subject, messageId, body } = mail
  const draft: Draft = {
    profileId: profile.id,
    source,
    // A report goes ahead of a newsletter that waits by the thousand.
    priority: source === 'report' ? PRIORITY.interactive : PRIORITY.bulk,
    client: OWN_CLIENT,
    envelope,
    headerFrom: profile.senderEmailAddress.toLowerCase(),
    subject,
    messageId,
    once: false,
    bounceTo: null,
    idempotency: null,
  }
  return { message: { id, draft, sizeBytes: body.byteLength, acceptedAt }, body }
}
