import { decodeProtectedHeader } from 'jose'

/**
 * The thumbprint that names the signing certificate, from `x5t#S256` or `x5t`, as upper-case hex; undefined when
 * the assertion is no JWT or names none.
 */
export function readAssertionThumbprint(assertion: string): string | undefined {
  const header = readHeader(assertion)
  const thumbprint = header?.['x5t#S256'] ?? header?.x5t
  if (typeof thumbprint !== 'string' || thumbprint === '') return undefined
  return Buffer.from(thumbprint, 'base64url').toString('hex').toUpperCase()
}

function readHeader(assertion: string): { x5t?: unknown; 'x5t#S256'?: unknown } | undefined {
  try {
    return decodeProtectedHeader(assertion)
  } catch {
    return undefined
  }
}
