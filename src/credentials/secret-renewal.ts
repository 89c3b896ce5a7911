import { matchCredential } from '../entra/index.ts'
import { lifetimesOf } from './renewal-due.ts'
import { isSameKeyId, nameOf, type RenewalGraph, type RenewalKind } from './renewal-kind.ts'

/**
 * Entra makes the secret and shows it once, so one whose answer was lost is of no use: it is found by its name and
 * removed. https://learn.microsoft.com/graph/api/application-addpassword
 */
export function createSecretRenewal({ graph }: { graph: RenewalGraph }): RenewalKind {
  return {
    type: 'clientSecret',
    noun: 'client secret',
    needsListing: true,
    lifetimesOf,
    make: async () => undefined,
    async add(access, { name, expiresAt }, { signal }) {
      const wanted = { displayName: name, endsAt: expiresAt }
      const outcome = await graph.addPassword(access, wanted, { signal })
      if (!outcome.ok) return outcome
      const { credential, value } = outcome.value
      const made = {
        credential: { type: 'clientSecret', value } as const,
        expiresAt: credential.endsAt ?? expiresAt,
      }
      return { ok: true, value: { keyId: credential.keyId, made } }
    },
    recover: async () => ({ ok: true, value: 'lost' }),
    remove: (access, keyId, { signal }) => graph.removePassword(access, keyId, { signal }),
    ownKeyIds: ({ passwordCredentials }, entry) =>
      passwordCredentials
        .filter(
          ({ keyId, displayName }) =>
            displayName === nameOf(entry) || isSameKeyId(keyId, entry.keyId),
        )
        .map(({ keyId }) => keyId),
    activeKeyId(listing, { hint, keyId }) {
      const found = listing && matchCredential(listing, { hint, keyId, thumbprint: null })
      // Which one the former secret is must be certain before it is ever removed.
      return found?.ambiguous === false ? found.credential.keyId : null
    },
    isFormer({ keyId, hint, type }, { formerKeyId }, listing) {
      if (type !== 'clientSecret') return false
      if (keyId !== null) return formerKeyId !== null && isSameKeyId(keyId, formerKeyId)
      const former = listing?.passwordCredentials.find((one) => isSameKeyId(one.keyId, formerKeyId))
      // In doubt, every one of which the key id is not known.
      return hint.startsWith(former?.hint || hint)
    },
    mayRemove: () => true,
  }
}
