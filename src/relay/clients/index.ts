/** Relay clients: who may hand in mail, and how each proves who it is. */
export type { KnownSecret, RelayClient, RelayClientBook, RelayClients } from './client.ts'
export { createRelayClients, type RelayClientsDeps } from './create-clients.ts'
export { createLogins, type Logins } from './logins.ts'
export { hostKeyOf, isLoopbackAddress, plainAddress } from './networks.ts'
