import type { Socket } from 'node:net'

/**
 * A client may close its side while its answers are still to come. The library answers sockets whose state is “open”;
 * that of such a one is “writeOnly”.
 */
export function keepAnswering(socket: Socket): void {
  Object.defineProperty(socket, 'readyState', { get: () => (socket.writable ? 'open' : 'closed') })
}
