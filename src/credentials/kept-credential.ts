import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import {
  type ClientCredential,
  type Cloud,
  customCloud,
  findCloud,
  type GraphAccess,
} from '../entra/index.ts'
import { Secret } from '../platform/secret.ts'
import type { Profile } from '../profiles/index.ts'

/** Where a credential was added: of a profile as it was then. */
const Application = Type.Object({
  cloudId: Type.String(),
  authority: Type.String(),
  scope: Type.String(),
  graphUrl: Type.String(),
  tenantId: Type.String(),
  clientId: Type.String(),
})
type Application = Static<typeof Application>

const Sealed = Type.Object({
  application: Application,
  expiresAt: Type.Number(),
  credential: Type.Union([
    Type.Object({ type: Type.Literal('clientSecret'), value: Type.String() }),
    Type.Object({
      type: Type.Literal('certificate'),
      certificate: Type.String(),
      privateKey: Type.String(),
    }),
  ]),
})

/** A new credential with its application: enough to go on after a crash, and to remove it when its profile is gone. */
export interface KeptCredential {
  readonly application: Application
  readonly expiresAt: number
  readonly credential: ClientCredential
}

export function toSealable({ application, expiresAt, credential }: KeptCredential): Secret {
  const plain =
    credential.type === 'clientSecret'
      ? { type: credential.type, value: credential.value.reveal() }
      : { ...credential, privateKey: credential.privateKey.reveal() }
  return new Secret(JSON.stringify({ application, expiresAt, credential: plain }))
}

/** Undefined for what this version does not write. */
export function fromSealed(plain: Secret): KeptCredential | undefined {
  const kept = parse(plain.reveal())
  if (!Value.Check(Sealed, kept)) return undefined
  const { application, expiresAt, credential } = kept
  return {
    application,
    expiresAt,
    credential:
      credential.type === 'clientSecret'
        ? { type: credential.type, value: new Secret(credential.value) }
        : { ...credential, privateKey: new Secret(credential.privateKey) },
  }
}

/** Undefined for a profile that does not sign in with an application. */
export function applicationOf({ authentication }: Profile): Application | undefined {
  if (authentication.type !== 'exchangeOnline') return undefined
  const { cloudId, cloud, tenantId, clientId } = authentication
  const { authority, scope, graphUrl } = cloud
  return { cloudId, authority, scope, graphUrl, tenantId, clientId }
}

export function isSameApplication(one: Application | undefined, other: Application | undefined) {
  if (one === undefined || other === undefined) return false
  return one.clientId === other.clientId && one.authority === other.authority
}

/** The kept credential as its own key; undefined when its cloud may not be talked to any more. */
export function accessOfKept(
  { application, credential }: KeptCredential,
  options: { allowCustomCloud: boolean },
): GraphAccess | undefined {
  const { cloudId, tenantId, clientId } = application
  const cloud: Cloud | undefined =
    cloudId === 'custom'
      ? options.allowCustomCloud
        ? customCloud({ ...application, smtpHost: '', smtpPort: 0 })
        : undefined
      : findCloud(cloudId)
  return cloud && { cloud, tenantId, clientId, credential }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
