import type { Actor } from '../access/index.ts'
import type { Cloud } from '../entra/index.ts'
import type {
  CloudId,
  DeliveryLimits,
  DeliverySettings,
  Renewal,
  ServerDetails,
  Warning,
} from './api.ts'
import type { OpenedCredential } from './opened-credential.ts'

/** A profile as the agent uses it: complete, validated, without any secret. */
export interface Profile {
  readonly id: string
  /** Rises with every change of what an answer shows, and is never used again after a removal. */
  readonly version: number
  readonly managed: boolean
  readonly createdAt: number
  readonly updatedAt: number
  readonly senderDisplayName: string
  readonly senderEmailAddress: string
  readonly subjectPrefix: string
  readonly errorEmailAddress: string | null
  readonly server: ServerDetails
  readonly authentication: Authentication
  /** What counts, defaults included. */
  readonly delivery: DeliveryLimits
  /** What of it was set. */
  readonly deliverySettings: DeliverySettings
  /** The active credential; null for `none`, or when no secret was entered yet. */
  readonly credential: CredentialFacts | null
  readonly warnings: readonly Warning[]
}

export type Authentication = NoAuthentication | BasicAuthentication | ExchangeOnlineAuthentication

export interface NoAuthentication {
  readonly type: 'none'
}

export interface BasicAuthentication {
  readonly type: 'basic'
  readonly username: string
}

export interface ExchangeOnlineAuthentication {
  readonly type: 'exchangeOnline'
  readonly cloudId: CloudId
  /** Resolved: authority, scope, accepted audiences, Graph. */
  readonly cloud: Cloud
  readonly tenantId: string
  readonly clientId: string
  /** As stored: null means the sender email address. */
  readonly username: string | null
  readonly applicationRbac: boolean
  /** Absent: off. */
  readonly renewal?: Renewal
}

export interface CredentialFacts {
  readonly id: string
  readonly type: 'clientSecret' | 'password' | 'certificate'
  readonly hint: string
  readonly expiresAt: number | null
  readonly expirySource: 'none' | 'typed' | 'graph' | 'proven' | 'certificate'
  readonly createdAt: number
  /** false: sealed with another master key. */
  readonly readable: boolean
}

export type CredentialState = 'active' | 'staged' | 'fallback'

/** A profile holds at most one credential of each state. */
export interface CredentialVersion extends CredentialFacts {
  readonly state: CredentialState
  /** The secret's ID at Entra, where it is known. */
  readonly keyId: string | null
  /** Of a staged one: who gets the message that is part of its proof. */
  readonly sendTo: string | null
  /** When Entra refused it for good: it is not used by itself any more. */
  readonly refusedAt: number | null
}

/** The mailbox that logs in: the user name where one is set, else the sender. */
export function mailboxOf(profile: Profile): string {
  const { authentication } = profile
  if (authentication.type === 'none') return profile.senderEmailAddress
  return authentication.username ?? profile.senderEmailAddress
}

export interface Profiles extends CredentialVersions {
  /** From memory, in the order of their ids. */
  list(): readonly Profile[]
  /** Throws profile_not_found. */
  get(id: string): Profile
  find(id: string): Profile | undefined
  /** `input` is checked against ProfileInput and by the rules of validate.ts; every problem at once. */
  create(input: unknown, actor: Actor): Promise<Profile>
  /** `version`: what the caller has read (If-Match); another one now is profile_changed (precondition_failed). */
  replace(
    id: string,
    input: unknown,
    options: { version: number | undefined; actor: Actor },
  ): Promise<Profile>
  remove(id: string, options: { version: number | undefined; actor: Actor }): Promise<void>
  /** The whole desired state in one transaction, or nothing (config sync). Only managed profiles are removed. */
  applyDesired(inputs: readonly unknown[], actor: Actor): Promise<DesiredOutcome>
  /** What applyDesired would do. */
  planDesired(inputs: readonly unknown[]): Promise<DesiredPlan>
  /** Stores what an answer of Entra proved: the credential ended no later than now (AADSTS7000222). */
  recordEnded(profileId: string, credentialId: string, at: number): Promise<void>
  /** Takes that back: Entra has accepted the credential after all. Its end date is unknown then. */
  recordAlive(profileId: string, credentialId: string): Promise<void>
  /** Stores the end that Graph lists. What Entra proved and what a certificate states are not overruled. */
  recordGraphExpiry(profileId: string, credentialId: string, expiresAt: number): Promise<void>
}

/**
 * The credentials of a profile. None of these changes touches the settings. Staging leaves the profile as it is, with
 * its version; what exchanges the active credential makes a new version of the profile.
 */
export interface CredentialVersions {
  /** The active one first, then the staged one, then the fallback. */
  credentials(id: string): readonly CredentialVersion[]
  /**
   * Of a profile that the caller has read: the active one unless another state is named. Throws profile_changed when
   * another one is active by now, because the credentials belong to other settings then, and secret_unreadable;
   * undefined when there is none.
   */
  openCredential(
    profile: Pick<Profile, 'id' | 'credential'>,
    state?: CredentialState,
  ): Promise<OpenedCredential | undefined>
  /**
   * Stores a new credential beside the active one, in place of one that was staged before. Throws profile_invalid,
   * profile_managed, and credential_in_use when it is the active one.
   */
  stageCredential(
    id: string,
    input: unknown,
    options: { actor: Actor; sendTo?: string | null; keyId?: string | null },
  ): Promise<CredentialVersion>
  /**
   * The staged one becomes the active one, the active one the fallback unless it has ended; one commit. False when
   * `credentialId` is not staged any more.
   */
  activateStaged(id: string, options: { credentialId: string; actor: Actor }): Promise<boolean>
  /** `reason`: for the audit. False when it is not staged any more. */
  discardStaged(
    id: string,
    options: { credentialId: string; actor: Actor; reason: string },
  ): Promise<boolean>
  dropFallback(id: string, options: { credentialId: string; reason: string }): Promise<boolean>
  /**
   * Entra refused the active credential `refusedId` for good: the fallback takes its place, and the refused one
   * becomes a fallback that is not used by itself. False when there is none to fall back to.
   */
  useFallback(id: string, options: { refusedId: string; reason: string }): Promise<boolean>
  /** Entra refused the fallback, too: it is not tried again. */
  recordFallbackRefused(id: string, credentialId: string, reason: string): Promise<void>
}

export interface DesiredPlan {
  readonly create: readonly string[]
  readonly change: readonly { readonly id: string; readonly fields: readonly string[] }[]
  readonly remove: readonly string[]
  readonly unchanged: readonly string[]
}

export type DesiredOutcome = DesiredPlan

export interface ProfileEvents {
  'profile.created': { readonly profile: Profile; readonly actor: Actor }
  /** `connectionChanged`: server, authentication or secret differ, so tokens and connections of old values are void. */
  'profile.changed': {
    readonly profile: Profile
    readonly previous: Profile
    readonly connectionChanged: boolean
    readonly secretChanged: boolean
    readonly actor: Actor
  }
  /**
   * After created or changed: somebody saved the profile, the settings file was applied to it, or another credential
   * became the active one. `changed`: false when what was saved is what was stored; then there is no other news of it.
   * Never for what Entra's answers tell about the end of a credential.
   */
  'profile.saved': { readonly profile: Profile; readonly changed: boolean }
  'profile.removed': { readonly profile: Profile; readonly actor: Actor }
  /** Published after profile.changed, when the fallback took the place of a credential that Entra refused. */
  'credential.fallback_used': {
    readonly profile: Profile
    readonly refused: CredentialFacts
    /** Such as AADSTS7000215. */
    readonly reason: string
  }
  'credential.ended': { readonly profile: Profile; readonly at: number }
}
