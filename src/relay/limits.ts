import { HOUR_MS, MINUTE_MS } from '../platform/clock.ts'

/** What the relay bears from its peers. */
export interface RelayLimits {
  readonly connections: number
  /** How many of them only this machine and the addresses of clients without a login may take. */
  readonly reservedConnections: number
  /** A /64 of IPv6 counts as one. */
  readonly connectionsPerAddress: number
  /** Without a byte from the client. */
  readonly idleMs: number
  /** From the connection to a login that is accepted; addresses that need none are spared. */
  readonly loginMs: number
  /** From 354 to the final dot, however steadily the bytes trickle in. */
  readonly dataMs: number
  /** Of a whole connection; a message under way is still taken. */
  readonly sessionMs: number
  /** In one connection. */
  readonly failedLogins: number
  /** Answers of 5xx since the last accepted message. */
  readonly errors: number
  /** Commands other than RCPT since the last accepted message, before and after the login. */
  readonly strangerCommands: number
  readonly clientCommands: number
  /** RCPT commands since the last accepted message. Those above the number of a message only hear 452. */
  readonly recipientCommands: number
}

/** RFC 5321 §4.5.3.2.7 asks a server to wait five minutes for the next command. */
export const RELAY_LIMITS: RelayLimits = {
  connections: 256,
  reservedConnections: 32,
  connectionsPerAddress: 64,
  idleMs: 5 * MINUTE_MS,
  loginMs: MINUTE_MS,
  dataMs: 10 * MINUTE_MS,
  sessionMs: HOUR_MS,
  failedLogins: 5,
  errors: 20,
  strangerCommands: 20,
  clientCommands: 200,
  recipientCommands: 10_000,
}

/** A header section of more bytes is no mail. */
export const LONGEST_HEAD_BYTES = 256 * 1024
/** RFC 5321 §4.5.3.1.4 asks for 512 octets, RFC 4954 §4 for 12,288 with AUTH. */
export const LONGEST_COMMAND_BYTES = 12_288
/** What a client may go on sending of a message that is refused already, before it is cut off. */
export const DRAINED_BYTES = 64 * 1024 * 1024
