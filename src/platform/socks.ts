import { isIP, type Socket } from 'node:net'

/** A SOCKS proxy that does not open the connection. The caller says which proxy it was. */
class SocksError extends Error {
  override readonly name = 'SocksError'
  readonly code: string

  constructor(message: string, code: string) {
    super(message)
    this.code = code
  }
}

export function isSocks(proxy: URL): boolean {
  return proxy.protocol === 'socks5:'
}

export const SOCKS_PORT = 1080

const VERSION = 5
const NO_AUTHENTICATION = 0x00
const USERNAME_PASSWORD = 0x02
const CONNECT = 0x01
const IPV4 = 0x01
const DOMAIN_NAME = 0x03
const IPV6 = 0x04
/** Names, user names and passwords carry their length in one byte. */
const LONGEST_TEXT = 255

/** RFC 1928 §6. */
const REPLIES: Readonly<Record<number, string>> = {
  1: 'general failure',
  2: 'not allowed by its rules',
  3: 'network unreachable',
  4: 'host unreachable',
  5: 'connection refused by the server',
  6: 'time to live expired',
  7: 'command not supported',
  8: 'address type not supported',
}

/**
 * Asks a SOCKS 5 proxy (RFC 1928, user name and password by RFC 1929) over an open connection to connect to a server.
 * Names are resolved by the proxy. Afterwards the socket speaks with the server; what the server has already said
 * waits in it unread.
 */
export async function connectBySocks(options: {
  socket: Socket
  proxy: URL
  host: string
  port: number
  signal: AbortSignal
}): Promise<void> {
  const { socket, proxy, host, port, signal } = options
  const take = (bytes: number) => takeExactly(socket, bytes, signal)

  const methods =
    proxy.username === '' ? [NO_AUTHENTICATION] : [NO_AUTHENTICATION, USERNAME_PASSWORD]
  socket.write(Uint8Array.from([VERSION, methods.length, ...methods]))
  const [version, method] = await take(2)
  if (version !== VERSION) throw new SocksError('it does not speak SOCKS 5', 'SOCKS_VERSION')
  if (method === USERNAME_PASSWORD && methods.includes(USERNAME_PASSWORD)) {
    socket.write(logIn(proxy))
    const [, status] = await take(2)
    if (status !== 0) {
      throw new SocksError('it refuses the user name and password', 'SOCKS_LOGIN_REFUSED')
    }
  } else if (method !== NO_AUTHENTICATION) {
    const wants =
      proxy.username === '' ? 'it asks for a login' : 'it takes no user name and password'
    throw new SocksError(wants, 'SOCKS_NO_METHOD')
  }

  socket.write(
    Buffer.concat([
      Uint8Array.from([VERSION, CONNECT, 0]),
      addressOf(host),
      Uint8Array.from([port >> 8, port & 0xff]),
    ]),
  )
  const [, reply = 1, , type] = await take(4)
  if (reply !== 0) {
    const words = REPLIES[reply] ?? 'unknown reason'
    throw new SocksError(
      `it answered CONNECT ${host}:${port} with ${reply} (${words})`,
      `SOCKS_REPLY_${reply}`,
    )
  }
  // The address that the proxy connects from is of no use here.
  const length =
    type === IPV4 ? 4 : type === IPV6 ? 16 : type === DOMAIN_NAME ? ((await take(1))[0] ?? 0) : null
  if (length === null) throw new SocksError('its answer is not SOCKS 5', 'SOCKS_VERSION')
  await take(length + 2)
}

/** RFC 1929 §2. */
function logIn(proxy: URL): Buffer {
  const name = counted(decodeURIComponent(proxy.username), 'user name')
  const password = counted(decodeURIComponent(proxy.password), 'password')
  return Buffer.concat([Uint8Array.from([1]), name, password])
}

function addressOf(host: string): Buffer {
  const kind = isIP(host)
  if (kind === 4) return Buffer.from([IPV4, ...host.split('.').map(Number)])
  if (kind === 6) return Buffer.from([IPV6, ...bytesOfIpv6(host)])
  return Buffer.concat([Uint8Array.from([DOMAIN_NAME]), counted(host, 'host name')])
}

/** URL writes every form of an IPv6 address as hexadecimal groups with at most one gap (WHATWG URL §3.5). */
function bytesOfIpv6(host: string): number[] {
  const canonical = new URL(`http://[${host.replace(/%.*$/, '')}]`).hostname.slice(1, -1)
  const [head = [], tail = []] = canonical
    .split('::')
    .map((part) => (part === '' ? [] : part.split(':')))
  const gap = new Array<string>(8 - head.length - tail.length).fill('0')
  return [...head, ...gap, ...tail].flatMap((group) => {
    const value = Number.parseInt(group, 16)
    return [value >> 8, value & 0xff]
  })
}

function counted(text: string, what: string): Buffer {
  const bytes = Buffer.from(text)
  if (bytes.length === 0 || bytes.length > LONGEST_TEXT) {
    throw new SocksError(`the ${what} must have 1 to ${LONGEST_TEXT} bytes`, 'SOCKS_TEXT_LENGTH')
  }
  return Buffer.concat([Uint8Array.from([bytes.length]), bytes])
}

/** Leaves what comes after these bytes in the socket. */
function takeExactly(socket: Socket, bytes: number, signal: AbortSignal): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      socket.off('readable', onReadable).off('error', onError).off('end', onEnd).off('close', onEnd)
      signal.removeEventListener('abort', onAbort)
    }
    const onReadable = () => {
      const chunk: unknown = socket.read(bytes)
      if (!Buffer.isBuffer(chunk)) return
      if (chunk.length < bytes) return onEnd()
      stop()
      resolve(chunk)
    }
    const onError = (error: unknown) => {
      stop()
      reject(error)
    }
    const onEnd = () => onError(new SocksError('it closed the connection', 'SOCKS_CLOSED'))
    const onAbort = () => onError(signal.reason)
    socket.on('readable', onReadable).on('error', onError).on('end', onEnd).on('close', onEnd)
    signal.addEventListener('abort', onAbort, { once: true })
    if (signal.aborted) onAbort()
    else onReadable()
  })
}
