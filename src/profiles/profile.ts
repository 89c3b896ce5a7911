import type { Actor } from '../access/index.ts'
import type { Cloud } from '../entra/index.ts'
import type { Secret } from '../platform/secret.ts'
import type { CloudId, ServerDetails, Warning } from './api.ts'

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
}

export interface CredentialFacts {
  readonly id: string
  readonly type: 'clientSecret' | 'password' | 'certificate'
  readonly hint: string
  readonly expiresAt: number | null
  readonly expirySource: 'none' | 'typed' | 'graph' | 'proven'
  readonly createdAt: number
  /** false: sealed with another master key. */
  readonly readable: boolean
}

/** The mailbox that logs in: the user name where one is set, else the sender. */
export function mailboxOf(profile: Profile): string {
  const { authentication } = profile
  if (authentication.type === 'none') return profile.senderEmailAddress
  return authentication.username ?? profile.senderEmailAddress
}

export interface Profiles {
  /** From memory, in the order of their ids. */
  list(): readonly Profile[]
  /** Throws profile_not_found. */
  get(id: string): Profile
  find(id: string): Profile | undefined
  /**
   * Opens the credential of a profile that the caller has read. Throws profile_changed when it has another one by now,
   * which belongs to other settings, and secret_unreadable; undefined when none is stored.
   */
  secretOf(profile: Pick<Profile, 'id' | 'credential'>): Promise<Secret | undefined>
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
   * After created or changed: somebody saved the profile, or the settings file was applied to it. `changed`: false when
   * what was saved is what was stored; then there is no other news of it. Never for what the agent learns by itself.
   */
  'profile.saved': { readonly profile: Profile; readonly changed: boolean }
  'profile.removed': { readonly profile: Profile; readonly actor: Actor }
  'credential.ended': { readonly profile: Profile; readonly at: number }
}
