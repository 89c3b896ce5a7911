/**
 * Relay: the SMTP listener for applications and devices, and the clients that may use it.
 *
 * Promises: 250 is said only after the outbox has committed the message durably; whatever is not accepted gets an answer
 * with an enhanced code and a sentence, a temporary one wherever trying again can help. What is accepted goes on byte for
 * byte behind a Received line, but for Bcc fields, which never leave, and what a client's settings ask to be repaired or
 * rewritten. Nobody sends without a
 * login or an address that an operator has named, and then only as the senders that the client may use. A password is
 * taken over TLS, or from this machine. No peer can hold it up: connections, their life, every command, the time of a
 * message, its header section and its size are bounded; a message is never whole in memory.
 *
 * Bare CR, bare LF and NUL are refused: only CR LF . CR LF ends a message, so nothing inside one is ever a command, here
 * or at the next server.
 *
 * States of the relay: off (no port), closed (with a sentence that says why; it tries again by itself), open. On an
 * address that others reach it is open only while there is a client.
 *
 * What survives a crash: the clients, the certificate, every message that got its 250. What does not: the counts of failed
 * logins and of the messages of the last minute, and up to a minute of a client's last use. A message whose final dot
 * has come may be stored although its 250 got lost: the client sends it again, as with every relay.
 */
export {
  ClientAuthentication,
  FROM_POLICIES,
  FromPolicy,
  REPAIRS,
  RelayClientInput,
  RelayClientSaved,
  RelayClientView,
} from './api.ts'
export {
  createRelayClients,
  type RelayClient,
  type RelayClientBook,
  type RelayClients,
  type RelayClientsDeps,
} from './clients/index.ts'
export { createRelay, type RelayDeps } from './create-relay.ts'
export type { RelayEvents } from './events.ts'
export type { Relay, RelayConfig } from './relay.ts'
export { RELAY_TAG, relayClientRoutes } from './routes.ts'
export { RELAY_CERTIFICATE_FILE } from './tls/index.ts'
