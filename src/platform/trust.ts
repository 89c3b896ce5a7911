import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls'

/** Whom outgoing TLS trusts: made once, because parsing a hundred root certificates per connection is costly. */
export interface Trust {
  /** For tls.connect, undici and nodemailer alike; TLS 1.2 or later. */
  readonly secureContext: SecureContext
}

/** `extraCaPem`: certificates (PEM) that are trusted besides Node's own. */
export function createTrust(options: { extraCaPem?: string | undefined } = {}): Trust {
  const { extraCaPem } = options
  return {
    secureContext: createSecureContext({
      minVersion: 'TLSv1.2',
      ...(extraCaPem !== undefined && { ca: [...getCACertificates('default'), extraCaPem] }),
    }),
  }
}
