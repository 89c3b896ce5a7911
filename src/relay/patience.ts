import { SECOND_MS } from '../platform/clock.ts'
import type { RelayLimits } from './limits.ts'
import { FAREWELLS } from './refusals.ts'
import type { Reply } from './reply.ts'

/** What one connection has used up of what the relay bears from a peer. Each answer ends the connection. */
export interface Patience {
  /** A command has come. `isRecipient`: an RCPT of a message. */
  command(of: { readonly isRecipient: boolean; readonly isKnown: boolean }): Reply | undefined
  /** A command was answered with 5xx. */
  error(): Reply | undefined
  loginFailed(): Reply | undefined
  loggedIn(): void
  /** The content of a message begins. */
  contentBegins(): void
  messageAccepted(): void
  /** A second has passed. Counted, not compared: a clock that is set ends no connection. */
  second(of: {
    readonly isKnown: boolean
    /** `answering`: the client has sent all of it and waits for its answer. */
    readonly message: 'none' | 'arriving' | 'answering'
  }): Reply | undefined
}

export function createPatience(limits: RelayLimits): Patience {
  let ageMs = 0
  let dataMs = 0
  let failedLogins = 0
  let errors = 0
  let commands = 0
  let recipientCommands = 0

  return {
    command({ isRecipient, isKnown }) {
      if (isRecipient) recipientCommands += 1
      else commands += 1
      if (commands > (isKnown ? limits.clientCommands : limits.strangerCommands)) {
        return FAREWELLS.commands
      }
      return recipientCommands > limits.recipientCommands ? FAREWELLS.recipients : undefined
    },
    error() {
      errors += 1
      return errors >= limits.errors ? FAREWELLS.errors : undefined
    },
    loginFailed() {
      failedLogins += 1
      return failedLogins >= limits.failedLogins ? FAREWELLS.failedLogins : undefined
    },
    loggedIn() {
      commands = 0
    },
    contentBegins() {
      dataMs = 0
    },
    messageAccepted() {
      errors = 0
      commands = 0
      recipientCommands = 0
    },
    second({ isKnown, message }) {
      ageMs += SECOND_MS
      if (message === 'arriving') dataMs += SECOND_MS
      if (message !== 'none') return dataMs > limits.dataMs ? FAREWELLS.slowData : undefined
      if (!isKnown && ageMs > limits.loginMs) return FAREWELLS.slowLogin
      return ageMs > limits.sessionMs ? FAREWELLS.long : undefined
    },
  }
}
