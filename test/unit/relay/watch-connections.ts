import type { Socket } from 'node:net'
import { vi } from 'vitest'
import { RelayServer } from '../../../src/relay/relay-server.ts'

/** Looks at the relay's side of its connections; before it is started. */
export function watchConnections(): Disposable & {
  /** Of the only connection. */
  socket(): Socket
} {
  const connect = vi.spyOn(RelayServer.prototype, 'connect')
  return {
    socket() {
      const server = connect.mock.contexts[0]
      const [connection, ...others] = server instanceof RelayServer ? server.open : []
      if (connection === undefined || others.length > 0) throw new Error('not one connection')
      return connection._socket
    },
    [Symbol.dispose]: () => connect.mockRestore(),
  }
}
