import { randomBytes } from 'node:crypto'
import { toIso } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'
import type { TenantModel } from '../model.ts'
import type { Tenant } from '../tenant.ts'
import type { Identity } from './auth-decision.ts'
import type { ReceivedData } from './data-reader.ts'
import { findByGuid, findMailbox, isEffective, isSame, resolveAddress } from './directory.ts'
import type { Limits, Submission } from './limits.ts'
import {
  countFields,
  fromAddresses,
  type HeaderAddress,
  hasSender,
  headerLength,
  messageIdOf,
  replaceAddress,
  replaceMessageId,
} from './message.ts'
import type { HostNames } from './names.ts'
import { REPLY, STORE } from './replies.ts'

/** SIZE of the EHLO answer: 150 MiB. */
export const MAX_MESSAGE_BYTES = 157_286_400
const MAX_HEADER_BYTES = 256 * 1024
const MAX_HOPS = 60

export interface Envelope {
  from: string
  to: string[]
}

/** A message at the end of DATA. */
export interface SubmittedMessage {
  identity: Identity
  envelope: Envelope
  data: ReceivedData
  submission: Submission
}

/** `store`: the mailbox server's reply, which ends in its name instead of the front door's suffix. */
export interface SubmissionReply {
  text: string
  isStore: boolean
}

export interface SubmissionDeps {
  tenant: Tenant
  limits: Limits
  names: HostNames
}

/**
 * Decides about a message in the order of the real service: the transport's fixed sizes; can the mailbox be opened, may it send as
 * From, connections, rate, recipients of the day, room in the mailbox, the mailbox's own size limit. An accepted message stands in
 * the inbox before the reply is returned. `signal` ends the wait of a sender who is over the rate.
 */
export async function submit(
  deps: SubmissionDeps,
  message: SubmittedMessage,
  signal: AbortSignal,
): Promise<SubmissionReply> {
  const { tenant, names } = deps
  const { identity, data } = message
  if (data.sizeBytes > MAX_MESSAGE_BYTES) return { text: REPLY.messageTooLarge, isStore: false }
  const raw = data.bytes.toString('latin1')
  if (headerLength(raw) > MAX_HEADER_BYTES) return { text: REPLY.headerTooLarge, isStore: false }
  if (tenant.state().smtp.fault === 'throttledPerHour') {
    return { text: REPLY.rateExceeded, isStore: false }
  }
  const server = names.mailboxServer(identity.mailbox)
  const refusal =
    refuseSender(deps, message, raw, server) ??
    refuseConnection(tenant.state(), message) ??
    (await waitForTurn(deps, identity.mailbox, signal)) ??
    refuseVolume(deps, message)
  if (refusal === REPLY.rateExceeded) return { text: refusal, isStore: false }
  const text = refusal ?? STORE.accepted(accept(deps, message, raw, server))
  return { text: `${text} [Hostname=${server}]`, isStore: true }
}

function refuseSender(
  { tenant, limits }: SubmissionDeps,
  { identity, envelope }: SubmittedMessage,
  raw: string,
  server: string,
): string | undefined {
  const state = tenant.state()
  const own = findMailbox(state, identity.mailbox)
  const needsFullAccess = identity.fullAccessOf !== undefined
  const since = findByGuid(own?.mailbox.fullAccess ?? {}, identity.fullAccessOf ?? '')
  if (
    own === undefined ||
    identity.logonFails ||
    (needsFullAccess && !isEffective(since, tenant.now()))
  ) {
    return STORE.logonFailed(server)
  }
  if (limits.denialsInLastHour(own.primary) >= state.limits.sendAsDeniedBeforeThrottle) {
    return STORE.sendAsThrottled
  }
  if (countFields(raw, 'Received') > MAX_HOPS) return STORE.hopCount
  const authors = fromAddresses(raw) ?? []
  if (authors.length === 0 || authors.some(({ address }) => address === ''))
    return STORE.fromInvalid
  if (authors.length > 1 && !hasSender(raw)) return STORE.fromMultiple
  // The header's From is what the refusal names; the envelope's sender is checked as well.
  const senders = [...authors.map(({ address }) => address), envelope.from]
  const denied = senders.find((sender) => sender !== '' && !maySendAs(state, own.primary, sender))
  if (denied === undefined) return undefined
  limits.addDenial(own.primary)
  return STORE.sendAsDenied(own.primary, denied)
}

function maySendAs(state: TenantModel, mailbox: string, sender: string): boolean {
  const target = resolveAddress(state, sender)
  if (target === undefined) return false
  return (
    isSame(target.primary, mailbox) ||
    target.mailbox.sendAs.some((holder) => isSame(holder, mailbox))
  )
}

function refuseConnection(
  state: TenantModel,
  { submission }: SubmittedMessage,
): string | undefined {
  return submission.position() >= state.limits.connections ? STORE.tooManyConnections : undefined
}

/** The excess over the messages of a minute is carried into the following minutes, or rejected. */
async function waitForTurn(
  { tenant, limits }: SubmissionDeps,
  mailbox: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  for (;;) {
    const { messagesPerMinute, overRate } = tenant.state().limits
    const waitMs = limits.takeTurn(mailbox, messagesPerMinute)
    if (waitMs === 0) return undefined
    if (overRate === 'reject') return REPLY.rateExceeded
    await tenant.clock.sleep(waitMs, signal)
  }
}

function refuseVolume(
  { tenant, limits }: SubmissionDeps,
  { identity, envelope, data }: SubmittedMessage,
): string | undefined {
  const state = tenant.state()
  const spent = limits.recipientsInLastDay(identity.mailbox)
  if (spent + envelope.to.length > state.limits.recipientsPerDay) return STORE.recipientQuota
  const own = findMailbox(state, identity.mailbox)?.mailbox
  if (own?.full === true) return STORE.mailboxFull
  if (own !== undefined && data.sizeBytes > own.maxSendSizeBytes) return STORE.sendSize
  return undefined
}

/** Keeps the message and returns its id. */
function accept(
  { tenant, limits }: SubmissionDeps,
  { identity, envelope }: SubmittedMessage,
  given: string,
  server: string,
): string {
  const state = tenant.state()
  const made = `<${server.split('.')[0]}${randomBytes(8).toString('hex').toUpperCase()}@${server}>`
  const isKept = state.smtp.messageId === 'keep'
  const raw = rewriteAliases(state, isKept ? given : replaceMessageId(given, made))
  const messageId = isKept ? (messageIdOf(given) ?? made) : made
  limits.addRecipients(identity.mailbox, envelope.to.length)
  tenant.counters.messagesAccepted += 1
  tenant.inbox.add({
    id: newId(),
    receivedAt: toIso(tenant.now()),
    mailbox: identity.mailbox,
    envelope: { from: envelope.from, to: [...envelope.to] },
    raw,
    messageId,
  })
  return messageId
}

/** Without SendFromAliasEnabled, From shows the primary address. */
function rewriteAliases(state: TenantModel, raw: string): string {
  if (state.tenant.sendFromAlias) return raw
  // From the last to the first, so that the offsets stay true.
  return (fromAddresses(raw) ?? []).reduceRight((text: string, author: HeaderAddress) => {
    const target = resolveAddress(state, author.address)
    if (target === undefined || isSame(target.primary, author.address)) return text
    return replaceAddress(text, author, target.primary)
  }, raw)
}
