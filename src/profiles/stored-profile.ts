import type { Selectable } from 'kysely'
import { customCloud, findCloud } from '../entra/index.ts'
import type { KeyRing, Tables } from '../storage/index.ts'
import { deliveryLimits } from './delivery-limits.ts'
import type { Authentication, CredentialVersion, Profile } from './profile.ts'
import { readSettings, type Settings } from './settings.ts'
import { warningsOf } from './warnings.ts'

export type ProfileRow = Selectable<Tables['profile']>
export type CredentialRow = Selectable<Tables['credential']>

/** A profile as the store holds it, and as it is kept in memory. */
export interface StoredProfile {
  readonly profile: Profile
  readonly settings: Settings
  readonly damaged: boolean
  /** The active one. */
  readonly credential: StoredCredential | null
  /** The staged one and the fallback. */
  readonly others: readonly StoredCredential[]
}

export interface StoredCredential {
  readonly facts: CredentialVersion
  readonly sealed: string
}

export interface StoredParts {
  readonly id: string
  readonly version: number
  readonly managed: boolean
  readonly createdAt: number
  readonly updatedAt: number
  readonly settings: Settings
  readonly damaged: boolean
  readonly credential: StoredCredential | null
  readonly others: readonly StoredCredential[]
}

export interface ProfileContext {
  readonly allowCustomCloud: boolean
  readonly now: number
}

export function toStoredProfile(parts: StoredParts, context: ProfileContext): StoredProfile {
  const { settings, damaged } = parts
  const authentication = resolveAuthentication(settings)
  const credential = authentication.type === 'none' ? null : parts.credential
  const facts = credential?.facts ?? null
  return {
    settings,
    damaged,
    credential,
    others: authentication.type === 'none' ? [] : parts.others,
    profile: {
      id: parts.id,
      version: parts.version,
      managed: parts.managed,
      createdAt: parts.createdAt,
      updatedAt: parts.updatedAt,
      senderDisplayName: settings.senderDisplayName,
      senderEmailAddress: settings.senderEmailAddress,
      subjectPrefix: settings.subjectPrefix,
      errorEmailAddress: settings.errorEmailAddress,
      server: settings.server,
      authentication,
      delivery: deliveryLimits(settings),
      deliverySettings: settings.delivery ?? {},
      credential: facts,
      warnings: warningsOf({
        ...context,
        settings,
        credential: facts,
        damaged,
        managed: parts.managed,
      }),
    },
  }
}

/** Reads any row, also a damaged one: it is served blank where it cannot be read, so that it can be repaired. */
export function readStoredProfile(
  row: ProfileRow,
  credentialRows: readonly CredentialRow[],
  context: ProfileContext & { keyRing: KeyRing; isManaged: boolean },
): StoredProfile {
  const read = readSettings(row.settings)
  const damaged = read.damaged || !isResolvable(read.settings)
  const credentials = credentialRows.map((credential) => toCredential(credential, context.keyRing))
  return toStoredProfile(
    {
      id: row.id,
      version: row.version,
      managed: context.isManaged,
      createdAt: row.created_at,
      updatedAt: row.updated_at,
      settings: damaged && !read.damaged ? { ...read.settings, ...BLANK } : read.settings,
      damaged,
      credential: credentials.find(({ facts }) => facts.state === 'active') ?? null,
      others: credentials.filter(({ facts }) => facts.state !== 'active'),
    },
    context,
  )
}

function toCredential(row: CredentialRow, keyRing: KeyRing): StoredCredential {
  return {
    sealed: row.sealed,
    facts: {
      id: row.id,
      state: row.state,
      type: row.type,
      hint: row.hint,
      expiresAt: row.expires_at,
      expirySource: row.expiry_source,
      createdAt: row.created_at,
      readable: keyRing.canOpen(row.sealed),
      keyId: row.key_id,
      sendTo: row.send_to,
      refusedAt: row.refused_at,
    },
  }
}

const BLANK = {
  server: { host: '', port: 587, security: 'starttls' },
  authentication: { type: 'none' },
} as const

function isResolvable({ authentication }: Settings): boolean {
  if (authentication.type !== 'exchangeOnline' || authentication.cloud !== 'custom') return true
  const { authority, graphUrl, scope } = authentication
  return (
    authority !== undefined &&
    graphUrl !== undefined &&
    scope !== undefined &&
    URL.canParse(authority) &&
    URL.canParse(graphUrl)
  )
}

function resolveAuthentication({ authentication, server }: Settings): Authentication {
  if (authentication.type !== 'exchangeOnline') return authentication
  const { cloud, authority, scope, graphUrl, ...rest } = authentication
  const known = findCloud(cloud)
  if (known !== undefined) return { ...rest, cloudId: cloud, cloud: known }
  if (authority === undefined || scope === undefined || graphUrl === undefined) {
    return { type: 'none' }
  }
  const smtp = { smtpHost: server.host, smtpPort: server.port }
  return { ...rest, cloudId: cloud, cloud: customCloud({ authority, scope, graphUrl, ...smtp }) }
}
