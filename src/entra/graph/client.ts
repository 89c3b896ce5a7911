import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Failure, Outcome } from '../../diagnosis/index.ts'
import { toIso } from '../../platform/clock.ts'
import { newId } from '../../platform/ids.ts'
import { Secret } from '../../platform/secret.ts'
import { certificateDer } from '../certificate/index.ts'
import type { CertificateCredential } from '../client-credential.ts'
import { proofClaims, signAssertion } from '../signed-assertion.ts'
import {
  type GraphApplication,
  type KeyCredential,
  type PasswordCredential,
  readApplicationBody,
  readKeyBody,
  readPasswordBody,
} from './application.ts'
import {
  byAppId,
  createGraphCall,
  type GraphAccess,
  type GraphCallOptions,
  type GraphClientDeps,
} from './call.ts'

/** Rolling a certificate needs no permission, but the private key of one that is registered and valid. */
export type GraphCertificateAccess = GraphAccess & { readonly credential: CertificateCredential }

/**
 * What Postern asks of Microsoft Graph. Every call is sent once: one that breaks off (a TransportFailure) may have
 * had its effect. Rejects only when the signal is aborted.
 */
export interface GraphClient {
  readApplication(
    access: GraphAccess,
    options?: GraphCallOptions,
  ): Promise<Outcome<GraphApplication>>
  /** `endsAt`: epoch milliseconds. The value is shown by Graph this once. */
  addPassword(
    access: GraphAccess,
    wanted: { displayName: string; endsAt: number },
    options?: GraphCallOptions,
  ): Promise<Outcome<AddedPassword>>
  removePassword(
    access: GraphAccess,
    keyId: string,
    options?: GraphCallOptions,
  ): Promise<Outcome<null>>
  /**
   * `certificate`: the new one, PEM. `objectId`: of the application's registration, null when it may not be read; the
   * proof then names the client id.
   */
  addKey(
    access: GraphCertificateAccess,
    wanted: { certificate: string; objectId: string | null },
    options?: GraphCallOptions,
  ): Promise<Outcome<KeyCredential>>
  removeKey(
    access: GraphCertificateAccess,
    wanted: { keyId: string; objectId: string | null },
    options?: GraphCallOptions,
  ): Promise<Outcome<null>>
  /**
   * Whether a certificate is registered with the application, asked without the permission to read it: a proof of its
   * key goes with the removal of a key id that nobody has. Changes nothing.
   */
  isKeyRegistered(
    access: GraphAccess,
    wanted: { credential: CertificateCredential; objectId: string | null },
    options?: GraphCallOptions,
  ): Promise<Outcome<boolean>>
}

export interface AddedPassword {
  readonly credential: PasswordCredential
  readonly value: Secret
}

const SecretBody = Type.Object({ secretText: Type.String({ minLength: 1 }) })

export function createGraphClient(deps: GraphClientDeps): GraphClient {
  const ask = createGraphCall(deps)
  const { clock } = deps

  /** Sends with a proof by the application's object id, as documented, and else by its client id. */
  async function askWithProof<T>(
    access: GraphAccess,
    options: GraphCallOptions & {
      operation: string
      signer: CertificateCredential
      action: 'addKey' | 'removeKey'
      objectId: string | null
      content: object
    },
    read: (body: unknown) => T | undefined,
  ): Promise<Outcome<T>> {
    const { operation, action, objectId, content, signal, signer: credential } = options
    const application =
      objectId === null ? byAppId(access.clientId) : `/${encodeURIComponent(objectId)}`
    const path = `/applications${application}/${action}`
    let outcome: Outcome<T> | undefined
    for (const issuer of objectId === null ? [access.clientId] : [objectId, access.clientId]) {
      const claims = proofClaims(issuer)
      const now = clock.now()
      // Documented with RS256 and x5t only.
      const proof = await signAssertion({ credential, form: 'sha1', claims, now })
      if (proof === undefined) return { ok: false, failure: unusable('certificate or its key') }
      const body = { ...content, proof }
      outcome = await ask(
        access,
        { operation, method: 'POST', path, body, hide: [proof], signal },
        read,
      )
      if (outcome.ok || !isProofRefused(outcome.failure)) return outcome
    }
    return outcome ?? { ok: false, failure: unusable('client id') }
  }

  return {
    readApplication(access, options = {}) {
      const properties = 'id,appId,displayName,passwordCredentials,keyCredentials'
      const path = `/applications${byAppId(access.clientId)}?$select=${properties}`
      const operation = 'read the application’s credentials'
      return ask(access, { operation, method: 'GET', path, ...options }, readApplicationBody)
    },
    addPassword(access, { displayName, endsAt }, options = {}) {
      const path = `/applications${byAppId(access.clientId)}/addPassword`
      const body = { passwordCredential: { displayName, endDateTime: toIso(endsAt) } }
      const operation = 'add a client secret'
      return ask(access, { operation, method: 'POST', path, body, ...options }, (answer) => {
        const credential = readPasswordBody(answer)
        if (credential === undefined || !Value.Check(SecretBody, answer)) return undefined
        return { credential, value: new Secret(answer.secretText) }
      })
    },
    removePassword(access, keyId, options = {}) {
      const path = `/applications${byAppId(access.clientId)}/removePassword`
      const operation = 'remove a client secret'
      return ask(
        access,
        { operation, method: 'POST', path, body: { keyId }, ...options },
        () => null,
      )
    },
    async addKey(access, { certificate, objectId }, options = {}) {
      const key = certificateDer(certificate)?.toString('base64')
      if (key === undefined) return { ok: false, failure: unusable('new certificate') }
      const keyCredential = { type: 'AsymmetricX509Cert', usage: 'Verify', key }
      const content = { keyCredential, passwordCredential: null }
      const operation = 'add a certificate'
      return askWithProof(
        access,
        { operation, signer: access.credential, action: 'addKey', objectId, content, ...options },
        readKeyBody,
      )
    },
    removeKey(access, { keyId, objectId }, options = {}) {
      const operation = 'remove a certificate'
      const signer = access.credential
      return askWithProof(
        access,
        { operation, signer, action: 'removeKey', objectId, content: { keyId }, ...options },
        () => null,
      )
    },
    async isKeyRegistered(access, { credential: signer, objectId }, options = {}) {
      const operation = 'look for a certificate'
      const content = { keyId: newId() }
      const outcome = await askWithProof(
        access,
        { operation, signer, action: 'removeKey', objectId, content, ...options },
        () => null,
      )
      if (outcome.ok) return { ok: true, value: true }
      const { failure } = outcome
      if (failure.source !== 'graph') return outcome
      // The proof is judged first: only who holds a registered key is told that nothing was found.
      if (failure.status === 400) return { ok: true, value: !isProofRefused(failure) }
      return failure.code.startsWith('Authentication_') ? { ok: true, value: false } : outcome
    },
  }
}

/** Nothing was changed then. Graph does not document its words for it. */
function isProofRefused(failure: Failure): boolean {
  if (failure.source !== 'graph') return false
  const { status, code, message } = failure
  return (
    status === 401 || status === 403 || code.startsWith('Authentication_') || /proof/i.test(message)
  )
}

function unusable(what: string): Failure {
  return { source: 'settings', problem: 'incomplete', detail: `the ${what} cannot be read.` }
}
