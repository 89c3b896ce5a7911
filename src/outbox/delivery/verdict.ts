import type { Diagnosis, Failure } from '../../diagnosis/index.ts'
import { HOUR_MS } from '../../platform/clock.ts'
import type { Attempt, StoredRecipient } from '../message.ts'
import type { ClaimedMessage, Settlement } from '../outbox-store.ts'
import { type Disposition, rulingOf } from './disposition.ts'
import { senderOf } from './mailbox-key.ts'
import { messageNotSendable } from './own-diagnosis.ts'

/** How a try ended, before anybody judged it. */
export interface Tried {
  readonly claimed: ClaimedMessage
  /** Those of this transaction. */
  readonly recipients: readonly StoredRecipient[]
  /** Recipients that failed for the moment in earlier transactions of the same turn. */
  readonly putOff: ReadonlySet<number>
  /** One for each recipient; null: it shares the fate of the message. */
  readonly words: readonly { readonly failure: Failure | null; readonly reply: string | null }[]
  /**
   * Null: the server has taken the message over. A sentence: Postern itself can never put it on the wire. A diagnosis:
   * it could not do so now.
   */
  readonly failure:
    | Failure
    | { readonly notSendable: string }
    | { readonly ownFault: Diagnosis }
    | null
  readonly reply: string | null
}

/** What a try means. */
export interface Verdict {
  readonly recipients: Settlement['recipients']
  readonly delivered: number
  /** Of the transaction, those that wait for the next turn. */
  readonly putOff: readonly number[]
  /**
   * ended: no recipient waits. continue: the rest at once. defer: the rest later. heldProfile and heldSender: the rest
   * when the hold has ended.
   */
  readonly next: 'ended' | 'continue' | 'defer' | 'heldProfile' | 'heldSender'
  readonly diagnosis: Diagnosis | null
  readonly reply: string | null
  readonly outcome: Attempt['outcome']
  /** Set when the mailbox is to slow down; the pause that is asked for, 0 without one. */
  readonly slowDownMs: number | undefined
  /** The server has given its final word about a message or recipient: it works. */
  readonly isServing: boolean
}

interface Judged {
  readonly disposition: Disposition
  readonly diagnosis: Diagnosis
}

/** When a quota is used up, or the mailbox is blocked for a time that nobody names. */
const QUOTA_PAUSE_MS = HOUR_MS / 2

/** Says what a try means; changes nothing. */
export function judge(tried: Tried, diagnose: (failure: Failure) => Diagnosis): Verdict {
  const { claimed, recipients, words } = tried
  const { message } = claimed
  const judgeOne = (failure: Failure): Judged => {
    const diagnosis = diagnose(failure)
    const { disposition } = rulingOf(failure, diagnosis)
    // Nobody whose mail could be held: it is about this message.
    const isNobody = disposition === 'holdSender' && senderOf(message) === ''
    return { disposition: isNobody ? 'failMessage' : disposition, diagnosis }
  }
  const whole = judgeWhole(tried, judgeOne)
  const changes: Settlement['recipients'][number][] = []
  const putOff: number[] = []
  const temporary: Judged[] = []
  let first: Judged | undefined = whole
  let holding: Judged | undefined = isHold(whole) ? whole : undefined
  let delivered = 0
  let isServing = false

  for (const [place, recipient] of recipients.entries()) {
    const word = words[place]
    const own = word?.failure ? judgeOne(word.failure) : undefined
    const judged = own ?? whole
    const reply = word?.reply ?? tried.reply
    if (judged === undefined) {
      delivered++
      changes.push({ ...changeOf(recipient, 'delivered'), reply: tried.reply ?? reply })
      continue
    }
    first ??= judged
    const { disposition, diagnosis } = judged
    if (disposition === 'failMessage' || disposition === 'failRecipient') {
      isServing ||= own !== undefined || isAnswer(tried.failure)
      const said = own === undefined ? (tried.reply ?? textOf(tried.failure)) : reply
      changes.push({ ...changeOf(recipient, 'failed', diagnosis.code), reply: said })
    } else if (isHold(judged)) {
      holding ??= judged
    } else {
      putOff.push(recipient.index)
      if (own !== undefined) temporary.push(judged)
    }
  }
  // The server refuses the message itself: those of the next transactions would hear the same.
  if (whole?.disposition === 'failMessage') failRest(changes, tried, whole.diagnosis)

  const waiting = claimed.recipients.length - changes.length
  const untried = waiting - putOff.length - countPutOff(tried, changes, putOff)
  const diagnosis = (holding ?? first)?.diagnosis ?? null
  const next = nextOf()
  // One try: what it did not deliver has failed.
  if (message.once && next !== 'ended' && next !== 'continue') {
    failRest(changes, tried, diagnosis)
  }
  const isEnded = changes.length === claimed.recipients.length
  return {
    recipients: changes,
    delivered,
    putOff,
    next: isEnded ? 'ended' : next,
    diagnosis,
    reply: tried.reply ?? textOf(tried.failure) ?? firstReply(tried),
    outcome: outcomeOf(),
    slowDownMs: slowDownOf(whole, temporary, recipients.length),
    isServing: isServing || delivered > 0,
  }

  function nextOf(): Verdict['next'] {
    if (waiting === 0) return 'ended'
    if (holding !== undefined) {
      return holding.disposition === 'holdSender' ? 'heldSender' : 'heldProfile'
    }
    if (whole !== undefined && putOff.length > 0) return 'defer'
    // RFC 5321 §4.5.3.1.10: the server took some, the rest goes in the next transaction.
    const isCut =
      delivered > 0 && temporary.length > 0 && temporary.every((j) => isTooMany(j.diagnosis))
    if (isCut) return 'continue'
    return untried > 0 ? 'continue' : 'defer'
  }

  function outcomeOf(): Attempt['outcome'] {
    if (delivered > 0) {
      return delivered === claimed.recipients.length ? 'delivered' : 'partlyDelivered'
    }
    if (isEnded) return 'failed'
    return holding !== undefined ? 'held' : 'deferred'
  }
}

/** Whether an error of Postern's own kept the message from being tried: it says nothing about server, login or mailbox. */
export function isOwnFault(failure: Tried['failure']): boolean {
  return failure !== null && 'ownFault' in failure
}

function judgeWhole({ failure }: Tried, judgeOne: (failure: Failure) => Judged) {
  if (failure === null) return undefined
  if ('ownFault' in failure) return { disposition: 'retry', diagnosis: failure.ownFault } as const
  if (!('notSendable' in failure)) return judgeOne(failure)
  const diagnosis = messageNotSendable(failure.notSendable)
  return { disposition: 'failMessage', diagnosis } as const
}

function isHold(judged: Judged | undefined): boolean {
  return judged?.disposition === 'holdProfile' || judged?.disposition === 'holdSender'
}

function isAnswer(failure: Tried['failure']): boolean {
  return failure !== null && 'source' in failure
}

function isTooMany(diagnosis: Diagnosis): boolean {
  return diagnosis.code === 'too_many_recipients'
}

function changeOf(
  { index }: StoredRecipient,
  state: 'delivered' | 'failed',
  diagnosisCode: string | null = null,
) {
  return { index, state, diagnosisCode }
}

/** Everybody of the message who still waits. */
function failRest(
  changes: Settlement['recipients'][number][],
  { claimed, reply, failure, recipients, words }: Tried,
  diagnosis: Diagnosis | null,
): void {
  const changed = new Set(changes.map(({ index }) => index))
  for (const recipient of claimed.recipients) {
    if (changed.has(recipient.index)) continue
    const word = words[recipients.indexOf(recipient)]?.reply ?? null
    const said = reply ?? textOf(failure) ?? word
    changes.push({ ...changeOf(recipient, 'failed', diagnosis?.code ?? null), reply: said })
  }
}

/** Put off by earlier transactions of this turn, and still waiting. */
function countPutOff(
  tried: Tried,
  changes: Settlement['recipients'],
  putOffNow: readonly number[],
): number {
  const settled = new Set([...changes.map(({ index }) => index), ...putOffNow])
  return [...tried.putOff].filter((index) => !settled.has(index)).length
}

function textOf(failure: Tried['failure']): string | null {
  return failure !== null && 'source' in failure && failure.source === 'smtp' ? failure.text : null
}

function firstReply({ words }: Tried): string | null {
  return words.find(({ failure }) => failure !== null)?.reply ?? null
}

function slowDownOf(
  whole: Judged | undefined,
  temporary: readonly Judged[],
  tried: number,
): number | undefined {
  const slow = temporary.filter(({ disposition }) => disposition === 'slowDown')
  const judged =
    whole?.disposition === 'slowDown' ? whole : slow.length === tried ? slow[0] : undefined
  if (judged === undefined) return undefined
  const { diagnosis } = judged
  const isBlocked = diagnosis.retry === 'never' && diagnosis.answer.step === 'message'
  const least = diagnosis.retry === 'quota' || isBlocked ? QUOTA_PAUSE_MS : 0
  return Math.max(least, diagnosis.retryAfterMs ?? 0)
}
