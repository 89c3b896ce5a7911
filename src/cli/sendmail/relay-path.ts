import { hostname } from 'node:os'
import type { Config } from '../../config/index.ts'
import type { Failure } from '../../diagnosis/index.ts'
import { completeLocalMessage } from '../../outbox/index.ts'
import { newId } from '../../platform/ids.ts'
import { createTrust } from '../../platform/trust.ts'
import {
  createSmtpSessions,
  needsSmtpUtf8,
  type SmtpAuthentication,
  type SmtpSession,
} from '../../smtp/index.ts'
import type { CliContext } from '../command.ts'
import { openLog } from '../log.ts'
import { localUser } from '../open-outbox.ts'
import { type HandIn, readRecipients } from './hand-in.ts'
import { handOver, type MissedRecipient, wordsOf } from './hand-over.ts'
import { EX, SendmailStop, type Sysexit, sentenceOf } from './sysexits.ts'

/**
 * Hands the message to the relay of this or another machine. What it may be sent as is the relay's decision. `closed`: why
 * it does not go into the data folder.
 */
export async function sendToRelay(
  config: Config,
  { request, message }: HandIn,
  { clock, stderr, signal }: CliContext,
  closed: unknown,
): Promise<void> {
  const { host, port } = relayOf(config)
  const recipients = await readRecipients(request, message, null)
  const ownAddress = qualified(localUser())
  const sender = qualified(request.sender ?? ownAddress)
  const completed = await completeLocalMessage(message, {
    id: newId(),
    now: clock.now(),
    sender: { name: request.fullName ?? localUser(), address: sender === '' ? ownAddress : sender },
    fullName: request.fullName,
    isOwn: null,
  })
  const sessions = createSmtpSessions({
    trust: createTrust({ extraCaPem: config.extraCaPem }),
    clock,
    log: await openLog({ ...config.log, level: 'fatal' }, stderr),
    hostname: hostname(),
    timeouts: config.outgoing.smtpTimeouts,
  })
  const opened = await sessions.open({
    // A password crosses this machine in clear, and no other one.
    server: { host, port, security: isLoopback(host) ? 'none' : 'starttls' },
    authentication: authenticationOf(config),
    signal,
  })
  if (!opened.ok) throw refusedByRelay(opened.failure, `${host}:${port}`, closed)
  const session: SmtpSession = opened.value
  try {
    const { failure, isUncertain, missed } = await handOver(session, {
      sender,
      recipients: recipients.map((address) => ({ address, notify: request.notify, orcpt: null })),
      smtpUtf8: completed.smtpUtf8 || [sender, ...recipients].some(needsSmtpUtf8),
      eightBit: completed.eightBit,
      ret: request.ret,
      envid: request.envid,
      sizeBytes: completed.bytes.length,
      body: completed.bytes,
      signal,
    })
    const relay = `${host}:${port}`
    if (failure !== null && isUncertain) throw unanswered(failure, relay)
    if (failure !== null) throw refusedByRelay(failure, relay, closed)
    if (missed.length > 0) throw takenForSome(missed, recipients.length, relay)
  } finally {
    await session.quit()
  }
}

function relayOf({ relay }: Config): { host: string; port: number } {
  // An address that means "every interface" is reached on loopback.
  const host = relay.host === '0.0.0.0' ? '127.0.0.1' : relay.host === '::' ? '::1' : relay.host
  return { host, port: relay.port ?? 0 }
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

function authenticationOf({ sendmail }: Config): SmtpAuthentication {
  if (sendmail === undefined) return { type: 'none' }
  return { type: 'login', username: sendmail.username, password: sendmail.password }
}

/** `-f root` is a user of this machine. */
function qualified(sender: string): string {
  return sender === '' || sender.includes('@') ? sender : `${sender}@${hostname()}`
}

function refusedByRelay(failure: Failure, relay: string, closed: unknown): SendmailStop {
  const why = `The data folder could not be used either: ${sentenceOf(closed)}`
  const words = `${wordsOf(failure)} ${why}`
  return failure.source === 'smtp'
    ? new SendmailStop(`the relay ${relay} refused the message: ${words}`, exitCodeOf(failure))
    : new SendmailStop(`the relay ${relay} did not take the message: ${words}`, EX.tempFail)
}

/** Twice is better than never: the caller tries again. */
function unanswered(failure: Failure, relay: string): SendmailStop {
  return new SendmailStop(
    `the relay ${relay} did not say whether it took the message: ${wordsOf(failure)} Who sends it again may send it twice.`,
    EX.tempFail,
  )
}

/** Final, whatever the words: whoever tried again would send to the others again. */
function takenForSome(
  missed: readonly MissedRecipient[],
  recipients: number,
  relay: string,
): SendmailStop {
  const uncertain = missed.filter(({ isUncertain }) => isUncertain)
  const refused = missed.filter(({ isUncertain }) => !isUncertain)
  const taken = recipients - missed.length
  const sentences = [
    `the relay ${relay} accepted the message for ${taken} of ${recipients} recipients, who get it`,
    refused.length > 0 &&
      `, but not for ${listed(refused)}. Settle what the relay says, then send the message to these alone`,
    uncertain.length > 0 &&
      `. It did not say whether it took the message for ${listed(uncertain)}. Ask there before you send it again: it may arrive twice`,
  ]
  return new SendmailStop(`${sentences.filter(Boolean).join('')}.`, EX.noUser)
}

function listed(missed: readonly MissedRecipient[]): string {
  return [...Map.groupBy(missed, ({ words }) => words)]
    .map(([words, those]) => `${those.map(({ address }) => address).join(', ')} (${words})`)
    .join('; ')
}

function exitCodeOf({ code, step }: { code: number; step: string }): Sysexit {
  if (code < 500) return EX.tempFail
  if (step === 'auth' || code === 530 || code === 535) return EX.noPerm
  return step === 'rcpt' ? EX.noUser : EX.unavailable
}
