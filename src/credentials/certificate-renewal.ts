import type { Outcome } from '../diagnosis/index.ts'
import {
  type CertificateCredential,
  certificateFactsOf,
  createSelfSignedCertificate,
  type GraphAccess,
  type GraphCertificateAccess,
  matchCredential,
} from '../entra/index.ts'
import { type Clock, DAY_MS } from '../platform/clock.ts'
import { lifetimesOf } from './renewal-due.ts'
import { isSameKeyId, type RenewalGraph, type RenewalKind } from './renewal-kind.ts'

/** RFC 5280 appendix A.1, ub-common-name. */
const LONGEST_NAME = 64
const FAILED: Outcome<never> = {
  ok: false,
  failure: {
    source: 'settings',
    problem: 'incomplete',
    detail: 'a certificate of the application, which is needed for the proof, is missing.',
  },
}

/**
 * Postern makes the certificate and keeps it before Entra is asked, so one whose answer was lost can still be used.
 * Needs no permission: a proof made with a certificate that is registered speaks for the request.
 * https://learn.microsoft.com/graph/api/application-addkey
 */
export function createCertificateRenewal(deps: { graph: RenewalGraph; clock: Clock }): RenewalKind {
  const { graph, clock } = deps
  return {
    type: 'certificate',
    noun: 'certificate',
    needsListing: false,
    lifetimesOf(renewal) {
      const [wanted = renewal.lifetimeDays, ...shorter] = lifetimesOf(renewal)
      // A certificate begins some minutes ago, so a policy of so many days allows a day less.
      return [wanted, ...shorter.map((days) => days - 1)]
    },
    async make(name, days) {
      const commonName = name.slice(0, LONGEST_NAME).trim()
      const pair = await createSelfSignedCertificate({ commonName, days, clock })
      const expiresAt = certificateFactsOf(pair.certificate)?.notAfter
      return {
        credential: { type: 'certificate', ...pair },
        expiresAt: expiresAt ?? clock.now() + days * DAY_MS,
      }
    },
    async add(access, { made }, { listing, signal }) {
      const holder = holderOf(access)
      if (holder === undefined || made?.credential.type !== 'certificate') return FAILED
      const { certificate } = made.credential
      const objectId = listing?.objectId ?? null
      const outcome = await graph.addKey(holder, { certificate, objectId }, { signal })
      if (!outcome.ok) return outcome
      return { ok: true, value: { keyId: outcome.value.keyId, made } }
    },
    async recover(access, entry, { listing, made, signal }) {
      if (made?.credential.type !== 'certificate') return { ok: true, value: 'lost' }
      const [keyId] = listing === undefined ? [] : this.ownKeyIds(listing, entry)
      if (keyId !== undefined) return { ok: true, value: { keyId, made } }
      // Not allowed to look, or not listed yet.
      const wanted = { credential: made.credential, objectId: listing?.objectId ?? null }
      const registered = await graph.isKeyRegistered(access, wanted, { signal })
      if (!registered.ok) return registered
      return { ok: true, value: registered.value ? { keyId: null, made } : 'absent' }
    },
    async remove(access, keyId, { listing, signal }) {
      const holder = holderOf(access)
      if (holder === undefined) return FAILED
      const objectId = listing?.objectId ?? null
      return graph.removeKey(holder, { keyId, objectId }, { signal })
    },
    ownKeyIds: ({ keyCredentials }, entry) =>
      keyCredentials
        .filter(
          ({ keyId, thumbprint }) =>
            thumbprint === entry.thumbprint || isSameKeyId(keyId, entry.keyId),
        )
        .map(({ keyId }) => keyId),
    activeKeyId(listing, { hint: thumbprint, keyId }) {
      if (listing === undefined) return keyId
      const found = matchCredential(listing, { hint: null, keyId, thumbprint })
      return found?.ambiguous === false ? found.credential.keyId : null
    },
    isFormer: ({ type, hint }, { formerThumbprint }) =>
      type === 'certificate' && hint === formerThumbprint,
    mayRemove: ({ type }) => type === 'certificate',
  }
}

function holderOf(access: GraphAccess): GraphCertificateAccess | undefined {
  const { credential } = access
  return isCertificate(credential) ? { ...access, credential } : undefined
}

function isCertificate(credential: GraphAccess['credential']): credential is CertificateCredential {
  return credential.type === 'certificate'
}
