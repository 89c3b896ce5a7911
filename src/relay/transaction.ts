import type { EnvelopeRecipient } from '../outbox/index.ts'
import type { SenderCommand } from './address-command.ts'
import type { RelayClient } from './clients/index.ts'
import type { Desk } from './desk.ts'
import { notAllowed } from './message/index.ts'
import { tooLarge } from './reception.ts'
import type { Reply } from './reply.ts'
import type { Submitter } from './submitter.ts'

/** `clientId` undefined: nobody has logged in. Throws what the database throws. */
export function findSubmitter(
  desk: Desk,
  clientId: string | undefined,
): Submitter | Reply | Promise<Submitter | Reply> {
  if (clientId === undefined) return LOGIN_NEEDED
  const looking = desk.book.refresh()
  return looking === undefined
    ? desk.findSubmitter(clientId)
    : looking.then(() => desk.findSubmitter(clientId))
}

export function sizeLimitOf(desk: Desk, client: RelayClient | undefined): number {
  return Math.min(desk.maxMessageBytes, client?.maxMessageBytes ?? desk.maxMessageBytes)
}

/** What stands against this sender; undefined: nothing. */
export function judgeSender(
  desk: Desk,
  { client, rules }: Submitter,
  sender: SenderCommand,
): Reply | undefined {
  const limitBytes = sizeLimitOf(desk, client)
  if (sender.sizeBytes !== null && sender.sizeBytes > limitBytes) return tooLarge(limitBytes)
  if (!desk.rates.allows(client.id, client.messagesPerMinute)) return tooFast(client)
  if (!sender.isUsable) {
    if (client.fromPolicy === 'rewrite' && client.repair.brokenFrom) return undefined
    return sender.address.includes('@') ? UNUSABLE_SENDER : SENDER_WITHOUT_DOMAIN
  }
  if (client.fromPolicy !== 'reject' || sender.address === '') return undefined
  return rules.allows(sender.address) ? undefined : notAllowed(sender.address, rules.shown)
}

/** `recipients`: those that were accepted before this one. */
export function judgeRecipient(
  client: RelayClient,
  recipients: ReadonlyMap<string, EnvelopeRecipient>,
  address: string,
): Reply | undefined {
  if (recipients.size < client.maxRecipients || recipients.has(address.toLowerCase())) {
    return undefined
  }
  // RFC 5321 §4.5.3.1.10: the client sends to the others in another transaction.
  return {
    code: 452,
    enhanced: '4.5.3',
    text: `Too many recipients: a message of this relay client may have ${client.maxRecipients}. Send to the others with another message.`,
  }
}

export function tooFast(client: RelayClient): Reply {
  return {
    code: 450,
    enhanced: '4.7.1',
    text: `This relay client may hand in ${client.messagesPerMinute} messages a minute, and has done so. Try again in a minute.`,
  }
}

const LOGIN_NEEDED: Reply = {
  code: 530,
  enhanced: '5.7.0',
  text: 'Log in first, with the username and password of a relay client; or an administrator must allow this address without a login.',
}

const SENDER_WITHOUT_DOMAIN: Reply = {
  code: 501,
  enhanced: '5.1.7',
  text: 'The sender has no domain. Enter a whole address in the application, or let an administrator set the From policy of this relay client to rewrite and switch on the repair of broken From headers.',
}

const UNUSABLE_SENDER: Reply = {
  code: 553,
  enhanced: '5.1.7',
  text: 'The sender is no address that mail can come from: it is too long, has characters that do not belong there, or a domain that cannot exist. Correct it in the application, or let an administrator set the From policy of this relay client to rewrite and switch on the repair of broken From headers.',
}
