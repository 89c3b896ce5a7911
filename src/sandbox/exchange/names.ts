import { createHash } from 'node:crypto'
import { toIso, toRfc5322 } from '../../platform/clock.ts'

/** The names under which one front door of Exchange Online and the mailbox servers behind it appear. */
export interface HostNames {
  /** In the greeting and EHLO: `AM0PR06CA0126.outlook.office365.com`. */
  frontDoor: string
  /** In the suffix of errors: `AM0PR06CA0126.eurprd06.prod.outlook.com`. */
  errorHost: string
  /** In `[Hostname=…]`: `AM0PR06MB2635.EURPRD06.PROD.OUTLOOK.COM`; a mailbox stays on its server. */
  mailboxServer(mailbox: string): string
}

export function createHostNames(hostName: string): HostNames {
  const [label = hostName, ...rest] = hostName.split('.')
  const site = label.replace(/CA\d+$/i, '')
  const forest = (rest.length > 0 ? rest.join('.') : 'eurprd06.prod.outlook.com').toUpperCase()
  return {
    frontDoor: `${label}.outlook.office365.com`,
    errorHost: hostName,
    mailboxServer(mailbox) {
      const number = createHash('sha1').update(mailbox.toLowerCase()).digest().readUInt16BE(0)
      return `${site.toUpperCase()}MB${String(number % 10_000).padStart(4, '0')}.${forest}`
    },
  }
}

/** 100 ns ticks between 0001-01-01, where .NET starts to count, and 1970-01-01. */
const TICKS_AT_EPOCH = 621_355_968_000_000_000n
const TICKS_PER_MS = 10_000n

/** Session ids as Exchange makes them: the ticks of the start of the process, plus one for each session. */
export function createSessionIds(startedAt: number): () => string {
  let next = TICKS_AT_EPOCH + BigInt(startedAt) * TICKS_PER_MS
  return () => {
    next += 1n
    return next.toString(16).toUpperCase().padStart(16, '0')
  }
}

/** ` [AM0PR06CA0126.eurprd06.prod.outlook.com 2024-02-14T14:50:26.590Z 08DC2D372B4C3DED]` */
export function errorSuffix(names: HostNames, at: number, sessionId: string): string {
  return ` [${names.errorHost} ${toIso(at)} ${sessionId}]`
}

/** The day has no leading zero: `Wed, 9 Nov 2022 10:09:41 +0000`. */
export function greetingOf(names: HostNames, at: number, sessionId: string): string {
  const date = toRfc5322(at).replace(/, 0/, ', ')
  return `220 ${names.frontDoor} Microsoft ESMTP MAIL Service ready at ${date} [${sessionId}]`
}
