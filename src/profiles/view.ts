import { toIso } from '../platform/clock.ts'
import type { CredentialVersionView, CredentialView, ProfileView } from './api.ts'
import type { CredentialFacts, CredentialVersion, Profile } from './profile.ts'

/** A profile as an answer shows it: of a secret its presence, first three characters and end. */
export function toView(profile: Profile): ProfileView {
  return {
    id: profile.id,
    senderDisplayName: profile.senderDisplayName,
    senderEmailAddress: profile.senderEmailAddress,
    subjectPrefix: profile.subjectPrefix,
    errorEmailAddress: profile.errorEmailAddress,
    server: { ...profile.server },
    authentication: authenticationView(profile),
    ...(Object.keys(profile.deliverySettings).length > 0 && {
      delivery: { ...profile.deliverySettings },
    }),
    deliveryLimits: { ...profile.delivery },
    managed: profile.managed,
    version: profile.version,
    createdAt: toIso(profile.createdAt),
    updatedAt: toIso(profile.updatedAt),
    warnings: profile.warnings.map((warning) => ({ ...warning })),
  }
}

function authenticationView({
  authentication,
  credential,
}: Profile): ProfileView['authentication'] {
  switch (authentication.type) {
    case 'none':
      return { type: 'none' }
    case 'basic':
      return {
        type: 'basic',
        username: authentication.username,
        credential: credentialView(credential, 'password'),
      }
    case 'exchangeOnline': {
      const { cloud, cloudId } = authentication
      return {
        type: 'exchangeOnline',
        cloud: cloudId,
        ...(cloudId === 'custom' && {
          authority: cloud.authority,
          scope: cloud.scope,
          graphUrl: cloud.graphUrl,
        }),
        tenantId: authentication.tenantId,
        clientId: authentication.clientId,
        username: authentication.username,
        applicationRbac: authentication.applicationRbac,
        credential: credentialView(credential, 'clientSecret'),
        ...(authentication.renewal !== undefined && { renewal: { ...authentication.renewal } }),
      }
    }
  }
}

function credentialView(
  facts: CredentialFacts | null,
  type: CredentialView['type'],
): CredentialView {
  if (facts === null) {
    return {
      type,
      set: false,
      readable: true,
      hint: null,
      expiresAt: null,
      expirySource: 'none',
      addedAt: null,
    }
  }
  return {
    type: facts.type,
    set: true,
    readable: facts.readable,
    hint: facts.hint === '' ? null : facts.hint,
    expiresAt: facts.expiresAt === null ? null : toIso(facts.expiresAt),
    expirySource: facts.expirySource,
    addedAt: toIso(facts.createdAt),
  }
}

export function toVersionView(version: CredentialVersion): CredentialVersionView {
  const { id, state, refusedAt } = version
  const { set: _, ...view } = credentialView(version, version.type)
  return {
    ...view,
    id,
    state,
    addedAt: toIso(version.createdAt),
    refusedAt: refusedAt === null ? null : toIso(refusedAt),
  }
}

/** What the audit record compares: the settings, and which credential there is. */
export function toAuditState(profile: Profile): unknown {
  const {
    warnings: _,
    createdAt: __,
    updatedAt: ___,
    deliveryLimits: ____,
    ...state
  } = toView(profile)
  return { ...state, credentialId: profile.credential?.id ?? null }
}
