import type { Tenant } from '../tenant.ts'
import type { Identity } from './auth-decision.ts'
import type { Connection } from './connection.ts'
import { type ReceivedData, readChunk, readData } from './data-reader.ts'
import { findMailbox } from './directory.ts'
import type { Limits, Submission } from './limits.ts'
import type { HostNames } from './names.ts'
import { isAddress, type Path, parsePath } from './path-syntax.ts'
import { chunkReceived, REPLY } from './replies.ts'
import { type Envelope, MAX_MESSAGE_BYTES, submit } from './submission.ts'

/** A reply. Errors get the front door's suffix unless they are `exact`; `close` ends the connection after it. */
export interface Reply {
  text: string
  exact?: boolean
  close?: boolean
}

/** What a command leads to; 'drop' closes the connection without a reply. */
export type Answer = Reply | 'drop'

export interface TransactionDeps {
  tenant: Tenant
  connection: Connection
  limits: Limits
  names: HostNames
  /** Sends an intermediate reply; false when the client is gone. */
  send(reply: Reply): Promise<boolean>
}

/** MAIL, RCPT, DATA and BDAT of one session: at most one transaction at a time. */
export interface Transactions {
  isOpen(): boolean
  mail(argument: string, identity: Identity): Answer
  rcpt(argument: string): Answer
  data(argument: string): Promise<Answer>
  bdat(argument: string): Promise<Answer>
  /** Ends the transaction without a message. */
  abandon(): void
}

interface Transaction {
  identity: Identity
  envelope: Envelope
  submission: Submission
  utf8: boolean
  binary: boolean
  /** What BDAT has brought so far; undefined before the first one. */
  chunks: Buffer[] | undefined
  sizeBytes: number
}

const MAIL_PARAMETERS = ['SIZE', 'BODY', 'SMTPUTF8', 'RET', 'ENVID', 'AUTH']
const RCPT_PARAMETERS = ['NOTIFY', 'ORCPT']
const BODY_TYPES = ['7BIT', '8BITMIME', 'BINARYMIME']

export function createTransactions(deps: TransactionDeps): Transactions {
  const { tenant, connection, limits } = deps
  let open: Transaction | undefined
  const fault = () => tenant.state().smtp.fault

  function abandon(): void {
    open?.submission.close()
    open = undefined
  }

  /** The reply that the tenant's state forces on a step, whatever the model says. */
  function forced(step: 'mail' | 'rcpt' | 'data'): Reply | undefined {
    const text = tenant.state().smtp.forcedReplies[step]
    return text === undefined ? undefined : { text, exact: true }
  }

  function openTransaction(argument: string, identity: Identity): string {
    if (open !== undefined) return REPLY.senderTwice
    const path = parsePath(argument, 'FROM')
    if (path === 'arguments') return REPLY.invalidArguments
    if (path === 'address') return REPLY.senderInvalid
    const { address, parameters } = path
    const utf8 = parameters.has('SMTPUTF8')
    if (address !== '' && !isAddress(address, { utf8 })) return REPLY.senderInvalid
    const wrong = checkMailParameters(path)
    if (wrong !== undefined) return wrong
    open = {
      identity,
      envelope: { from: address, to: [] },
      submission: limits.openSubmission(identity.mailbox),
      utf8,
      binary: parameters.get('BODY')?.toUpperCase() === 'BINARYMIME',
      chunks: undefined,
      sizeBytes: 0,
    }
    return REPLY.senderOk
  }

  function addRecipient(argument: string): string {
    if (open === undefined) return REPLY.needMail
    if (open.chunks !== undefined) return REPLY.badSequence
    const path = parsePath(argument, 'TO')
    if (path === 'arguments') return REPLY.invalidArguments
    if (path === 'address') return REPLY.recipientInvalid
    const { address, parameters } = path
    // RFC 5321 §4.5.1: postmaster needs no domain.
    const isPostmaster = address.toLowerCase() === 'postmaster'
    if (!isPostmaster && !isAddress(address, { utf8: open.utf8 })) return REPLY.recipientInvalid
    for (const name of parameters.keys()) {
      if (!RCPT_PARAMETERS.includes(name)) return REPLY.unrecognizedParameter
    }
    const own = findMailbox(tenant.state(), open.identity.mailbox)?.mailbox
    if (own !== undefined && open.envelope.to.length >= own.recipientLimit) {
      return REPLY.tooManyRecipients
    }
    open.envelope.to.push(address)
    return REPLY.recipientOk
  }

  function refuseContent(transaction: Transaction | undefined): string | undefined {
    if (transaction === undefined) return REPLY.needMail
    return transaction.envelope.to.length === 0 ? REPLY.needRcpt : undefined
  }

  async function finish(transaction: Transaction, data: ReceivedData): Promise<Answer> {
    if (fault() === 'dropAfterDot') return 'drop'
    const instead = forced('data')
    if (instead !== undefined && !isPositive(instead)) return instead
    const { identity, envelope, submission } = transaction
    const reply = await submit(deps, { identity, envelope, data, submission }, connection.signal)
    abandon()
    if (fault() === 'dropBefore250') return 'drop'
    return instead ?? { text: reply.text, exact: reply.isStore }
  }

  /** With the fault dropMidData, the connection goes when the first of these bytes have come. */
  async function isCutOff(): Promise<boolean> {
    const first = await connection.pull()
    if (first === undefined || fault() === 'dropMidData') return true
    connection.unread(first)
    return false
  }

  async function receiveData(argument: string): Promise<Answer> {
    if (fault() === 'dropBefore354') return 'drop'
    if (argument !== '') return { text: REPLY.invalidArguments }
    const refusal = refuseContent(open)
    if (refusal !== undefined || open === undefined) return { text: refusal ?? REPLY.needMail }
    // RFC 3030 §2 and §3: BDAT and DATA do not mix, and BINARYMIME needs BDAT.
    if (open.chunks !== undefined || open.binary) return { text: REPLY.badSequence }
    const transaction = open
    if (!(await deps.send({ text: REPLY.startData }))) return 'drop'
    if (await isCutOff()) return 'drop'
    const data = await readData(connection, MAX_MESSAGE_BYTES)
    if (data === undefined) return 'drop'
    try {
      return await finish(transaction, data)
    } finally {
      abandon()
    }
  }

  async function receiveChunk(argument: string): Promise<Answer> {
    if (fault() === 'dropBefore354') return 'drop'
    const found = /^(\d{1,10})(?:\s+(LAST))?$/i.exec(argument.trim())
    if (found === null) return { text: REPLY.invalidArguments }
    const count = Number(found[1])
    if (count > 0 && (await isCutOff())) return 'drop'
    const room = MAX_MESSAGE_BYTES - (open?.sizeBytes ?? 0)
    // RFC 3030 §2: the octets follow without waiting, so that they are read even when the command is refused.
    const chunk = await readChunk(connection, count, room)
    if (chunk === undefined) return 'drop'
    const refusal = refuseContent(open)
    if (refusal !== undefined || open === undefined) return { text: refusal ?? REPLY.needMail }
    open.sizeBytes += count
    if (count > room) {
      abandon()
      return { text: REPLY.messageTooLarge }
    }
    open.chunks = [...(open.chunks ?? []), chunk]
    if (found[2] === undefined) return { text: chunkReceived(count) }
    const { chunks, sizeBytes } = open
    try {
      return await finish(open, { bytes: Buffer.concat(chunks), sizeBytes })
    } finally {
      abandon()
    }
  }

  return {
    isOpen: () => open !== undefined,
    mail(argument, identity) {
      if (fault() === 'dropAtMail') return 'drop'
      const text = openTransaction(argument, identity)
      const instead = forced('mail')
      if (instead !== undefined && !isPositive(instead)) abandon()
      return instead ?? { text }
    },
    rcpt(argument) {
      if (fault() === 'dropAtRcpt') return 'drop'
      const instead = forced('rcpt')
      if (instead !== undefined && !isPositive(instead)) {
        return instead
      }
      const text = addRecipient(argument)
      return instead ?? { text }
    },
    data: receiveData,
    bdat: receiveChunk,
    abandon,
  }
}

function isPositive({ text }: Reply): boolean {
  return text.startsWith('2')
}

function checkMailParameters({ parameters }: Path): string | undefined {
  for (const name of parameters.keys()) {
    if (!MAIL_PARAMETERS.includes(name)) return REPLY.unrecognizedParameter
  }
  const body = parameters.get('BODY')
  if (parameters.has('BODY') && !BODY_TYPES.includes(body?.toUpperCase() ?? '')) {
    return REPLY.unsupportedBody
  }
  if (!parameters.has('SIZE')) return undefined
  const size = parameters.get('SIZE') ?? ''
  if (!/^\d{1,20}$/.test(size)) return REPLY.invalidArguments
  return Number(size) > MAX_MESSAGE_BYTES ? REPLY.messageTooLarge : undefined
}
