import type { GraphApplication, KeyCredential, PasswordCredential } from './application.ts'

export type GraphCredential = PasswordCredential | KeyCredential

type Credentials = Pick<GraphApplication, 'passwordCredentials' | 'keyCredentials'>

/** What is known here about a stored credential; null where it is not. */
export interface StoredCredentialTraits {
  /** The first characters of a client secret, three or more. */
  readonly hint: string | null
  /** The portal's "Secret ID", or the key id of a certificate. */
  readonly keyId: string | null
  /** Of a certificate: SHA-1 or SHA-256, in hex. */
  readonly thumbprint: string | null
}

export interface CredentialMatch {
  readonly credential: GraphCredential
  /** Others fit as well; this is the one that ends first. */
  readonly ambiguous: boolean
}

/** Which of the application's credentials is the stored one; undefined when none fits. */
export function matchCredential(
  { passwordCredentials, keyCredentials }: Credentials,
  stored: StoredCredentialTraits,
): CredentialMatch | undefined {
  const { hint, keyId, thumbprint } = stored
  if (keyId !== null) {
    const all: readonly GraphCredential[] = [...passwordCredentials, ...keyCredentials]
    const found = all.find((credential) => sameText(credential.keyId, keyId))
    if (found !== undefined) return { credential: found, ambiguous: false }
  }
  if (thumbprint !== null) {
    return pick(keyCredentials.filter((key) => sameText(key.thumbprint, thumbprint)))
  }
  if (hint === null) return undefined
  // Documented as three characters; Microsoft's own sample shows two.
  return pick(
    passwordCredentials.filter(
      (password) => password.hint !== '' && hint.startsWith(password.hint),
    ),
  )
}

/** Credentials of the same type that began later and end later than this one, the last to end first. */
export function newerThan(credentials: Credentials, than: GraphCredential): GraphCredential[] {
  const { passwordCredentials, keyCredentials } = credentials
  const ofType: readonly GraphCredential[] =
    than.type === 'password' ? passwordCredentials : keyCredentials
  return ofType
    .filter((other) => other.keyId !== than.keyId && endOf(other) > endOf(than))
    .filter((other) => (other.startsAt ?? 0) > (than.startsAt ?? 0))
    .sort((a, b) => endOf(b) - endOf(a))
}

function pick(fitting: readonly GraphCredential[]): CredentialMatch | undefined {
  const [first] = [...fitting].sort((a, b) => endOf(a) - endOf(b))
  return first === undefined ? undefined : { credential: first, ambiguous: fitting.length > 1 }
}

function endOf({ endsAt }: GraphCredential): number {
  return endsAt ?? Number.POSITIVE_INFINITY
}

function sameText(one: string, other: string): boolean {
  return one.toLowerCase() === other.trim().toLowerCase()
}
