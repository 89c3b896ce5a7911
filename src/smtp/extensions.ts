/** What a server announced in its reply to EHLO, as far as sending depends on it. */
export interface Extensions {
  /** RFC 2920. */
  readonly pipelining: boolean
  /** RFC 6152. */
  readonly eightBitMime: boolean
  /** RFC 6531. */
  readonly smtpUtf8: boolean
  /** RFC 3461. */
  readonly dsn: boolean
  /** RFC 1870. */
  readonly size: boolean
  /** Of SIZE; null: none announced. */
  readonly sizeLimit: number | null
}

export function readExtensions(capabilities: readonly string[]): Extensions {
  const size = capabilities.find((line) => keywordOf(line) === 'SIZE')
  const limit = /^\d{1,15}$/.exec(size?.slice('SIZE '.length).trim() ?? '')?.[0]
  return {
    pipelining: offers(capabilities, 'PIPELINING'),
    eightBitMime: offers(capabilities, '8BITMIME'),
    smtpUtf8: offers(capabilities, 'SMTPUTF8'),
    dsn: offers(capabilities, 'DSN'),
    size: size !== undefined,
    // RFC 1870 §4: 0 says that there is no fixed limit.
    sizeLimit: Number(limit ?? 0) || null,
  }
}

export function offers(capabilities: readonly string[], keyword: string): boolean {
  return capabilities.some((line) => keywordOf(line) === keyword)
}

function keywordOf(line: string): string | undefined {
  return line.split(' ')[0]?.toUpperCase()
}

/** `AUTH LOGIN XOAUTH2`; old servers also write `AUTH=LOGIN`. */
export function offeredMechanisms(capabilities: readonly string[]): string[] {
  const found = capabilities
    .filter((line) => /^AUTH[ =]/i.test(line))
    .flatMap((line) => line.slice(5).split(/\s+/))
    .filter((name) => name !== '')
  return [...new Set(found)]
}
