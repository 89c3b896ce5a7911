import type { Reply } from './reply.ts'

// RFC 5321 §3.8: 421 at any time, and the connection ends with it.
const farewell = (enhanced: string, text: string): Reply => ({ code: 421, enhanced, text })

export const FAREWELLS = {
  stopping: farewell('4.3.2', 'Postern is stopping. Try again in a moment.'),
  noClients: farewell(
    '4.3.2',
    'This relay closes, because it has no relay client any more. An administrator can make one.',
  ),
  crowded: farewell('4.3.2', 'Too many connections at once. Try again in a moment.'),
  crowdedAddress: farewell(
    '4.7.0',
    'Too many connections from this address at once (or from its /64 network of IPv6). Close some, or keep one open for many messages.',
  ),
  failedLogins: farewell(
    '4.7.0',
    'Too many failed logins in this connection. Correct the username and the password.',
  ),
  renewed: farewell(
    '4.7.0',
    'The secret of this relay client was changed. Connect again and log in with the new one.',
  ),
  errors: farewell('4.7.0', 'Too many errors in this connection. Correct the application.'),
  commands: farewell(
    '4.7.0',
    'Too many commands without a message in this connection. Connect again.',
  ),
  recipients: farewell(
    '4.7.0',
    'Too many recipients without a message in this connection. Send to fewer at once.',
  ),
  idle: farewell('4.4.2', 'Nothing was sent for a long time. Connect again.'),
  early: farewell('4.5.0', 'The client spoke before the greeting. Wait for it.'),
  web: farewell('4.7.0', 'This is a mail relay, not a web server. Speak SMTP here.'),
  longCommand: farewell('4.5.2', 'The command is too long. Correct the application.'),
  slowLogin: farewell('4.4.2', 'The login took too long. Connect again.'),
  slowData: farewell('4.4.2', 'The message took too long to arrive. Try again.'),
  long: farewell('4.4.2', 'The connection was open for a long time. Connect again.'),
  endless: farewell(
    '4.3.4',
    'The message was refused for its size, and more and more of it came. Send a smaller one.',
  ),
} as const satisfies Readonly<Record<string, Reply>>

/** Commands that are refused; the connection goes on. */
export const REFUSALS = {
  controlCharacters: {
    code: 500,
    enhanced: '5.5.2',
    text: 'The command holds a control character. Correct the application.',
  },
  tlsNeeded: {
    code: 538,
    enhanced: '5.7.11',
    text: 'Start TLS before the login: a password must not travel in clear text.',
  },
  inTransaction: {
    code: 503,
    enhanced: '5.5.1',
    text: 'AUTH is not possible while a message is being handed in. Log in before MAIL.',
  },
  otherIdentity: {
    code: 535,
    enhanced: '5.7.8',
    text: 'The login names two identities. Leave the authorization identity empty.',
  },
  noRecipients: {
    code: 503,
    enhanced: '5.5.1',
    text: 'No recipient was accepted: name one with RCPT first.',
  },
} as const satisfies Readonly<Record<string, Reply>>
