import type { Diagnosis } from '../diagnosis/index.ts'

/** Where a message came from. */
export type Source = 'api' | 'relay' | 'sendmail' | 'test' | 'alert' | 'report' | 'bounce'

/** Lower goes first. Alerts and test emails are Postern's own: one try each, and a hold does not stop them. */
export const PRIORITY = { alert: 0, test: 1, interactive: 2, bulk: 3 } as const
export type Priority = (typeof PRIORITY)[keyof typeof PRIORITY]

/**
 * queued: may be sent now. sending: claimed by a connection. deferred: waits for its next attempt. held: waits because its
 * sender is on hold. The last three are ends: delivered (every recipient accepted), failed (at least one refused for
 * good, or out of time), cancelled.
 */
export type MessageState =
  | 'queued'
  | 'sending'
  | 'deferred'
  | 'held'
  | 'delivered'
  | 'failed'
  | 'cancelled'

export type RecipientState = 'waiting' | 'delivered' | 'failed' | 'cancelled'

/** RFC 5321 §4.1.1.3, with the parameters of RFC 3461 §4. */
export interface EnvelopeRecipient {
  readonly address: string
  /** NOTIFY as given, such as `FAILURE,DELAY`; null: not given. */
  readonly notify: string | null
  /** ORCPT as given, still in xtext. */
  readonly orcpt: string | null
}

export interface Envelope {
  /** Empty: the null reverse-path. */
  readonly sender: string
  readonly recipients: readonly EnvelopeRecipient[]
  /** RFC 6531: an address or a header is UTF-8. */
  readonly smtpUtf8: boolean
  /** RFC 6152: BODY=8BITMIME. */
  readonly eightBit: boolean
  /** RFC 3461 §4.3 and §4.4. */
  readonly ret: 'FULL' | 'HDRS' | null
  readonly envid: string | null
}

/** A message as it is handed in. Its bytes are handed in beside it. */
export interface Draft {
  readonly profileId: string
  readonly source: Source
  readonly priority: Priority
  /** Who handed it in, for fairness and for people: `token:<id>`, `relay:<client id>`, `sendmail:<user>`, `postern`. */
  readonly client: string
  readonly envelope: Envelope
  /** The first address of the From header, lower case; null: it has none that can be read. */
  readonly headerFrom: string | null
  /** For the list, at most 200 characters; null: none. */
  readonly subject: string | null
  /** The Message-ID header with its angle brackets; null: it has none. */
  readonly messageId: string | null
  /** One try: what is not delivered by it has failed, and nobody is told by mail. */
  readonly once: boolean
  /** Who gets a delivery status notification when it fails; null: nobody. */
  readonly bounceTo: string | null
  /** The same key of the same client within 24 hours is the same message. */
  readonly idempotency: {
    readonly key: string
    /** SHA-256 of what was handed in, hex: the same key with something else is an error. */
    readonly fingerprint: string
  } | null
}

export interface Accepted {
  readonly id: string
  readonly acceptedAt: number
  /** The idempotency key was seen before: this is the message of that time. */
  readonly duplicate: boolean
}

/** A message without its bytes. */
export interface StoredMessage {
  readonly id: string
  readonly profileId: string
  readonly source: Source
  readonly priority: Priority
  readonly client: string
  readonly state: MessageState
  readonly envelope: Omit<Envelope, 'recipients'>
  readonly headerFrom: string | null
  readonly subject: string | null
  readonly messageId: string | null
  readonly once: boolean
  readonly bounceTo: string | null
  readonly sizeBytes: number
  readonly recipientCount: number
  readonly acceptedAt: number
  readonly attempts: number
  /** Of a deferred one. */
  readonly nextAttemptAt: number | null
  readonly finishedAt: number | null
  /** Whether the bytes are still stored. */
  readonly hasBody: boolean
  /** Why the last attempt did not deliver it; null: there was none, or it delivered. */
  readonly diagnosis: Diagnosis | null
  /** The server's last answer, verbatim. */
  readonly reply: string | null
  /** The id that the server gave it. */
  readonly serverMessageId: string | null
}

export interface StoredRecipient extends EnvelopeRecipient {
  /** Its place in the envelope, from 0. */
  readonly index: number
  readonly state: RecipientState
  /** The server's word about it, verbatim. */
  readonly reply: string | null
  readonly diagnosisCode: string | null
  readonly finishedAt: number | null
}

export interface Attempt {
  /** From 1. */
  readonly number: number
  readonly startedAt: number
  readonly finishedAt: number
  readonly outcome: 'delivered' | 'partlyDelivered' | 'deferred' | 'held' | 'failed'
  /** `host:port`. */
  readonly server: string
  /** Recipients that it was for. */
  readonly recipients: number
  /** Verbatim; null: the server said nothing. */
  readonly reply: string | null
  readonly diagnosis: Diagnosis | null
}

export interface MessageDetail {
  readonly message: StoredMessage
  readonly recipients: readonly StoredRecipient[]
  readonly attempts: readonly Attempt[]
}

/** What waits for a profile, not counting what has ended. */
export interface QueueCounts {
  /** queued, sending and deferred ones; none of them while the profile is on hold. */
  readonly queued: number
  /** Those of senders on hold; while the profile is on hold, all. */
  readonly held: number
  readonly oldestAcceptedAt: number | null
}

/** A profile, or one sender of it, whose mail is kept and not tried. */
export interface Hold {
  readonly profileId: string
  /** Lower case; empty: the whole profile. */
  readonly sender: string
  readonly since: number
  readonly diagnosis: Diagnosis
  readonly nextProbeAt: number
  readonly probes: number
}
