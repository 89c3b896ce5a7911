import type { Diagnosis } from '../diagnosis/index.ts'
import type { Profile } from '../profiles/index.ts'
import { CHECK_NAMES, type Check } from './api.ts'

export type CheckName = (typeof CHECK_NAMES)[number]

const TITLES = {
  settingsComplete: 'Settings are complete and the secret can be read',
  credentialNotEnded: 'Client secret has not ended',
  entraReachable: 'Microsoft Entra can be reached',
  tokenIssued: 'Microsoft Entra issues a token',
  tokenAudience: 'Token is for Exchange Online',
  tokenRole: 'Token carries the permission SMTP.SendAsApp',
  serverReachable: 'SMTP server can be reached',
  tls: 'Connection is encrypted and the certificate is valid',
  authOffered: 'Server offers the login method',
  authAccepted: 'Server accepts the login',
  senderAccepted: 'Server accepts the sender',
  recipientAccepted: 'Server accepts the recipient',
  messageAccepted: 'Server takes the message over',
} as const satisfies Record<CheckName, string>

const ENTRA_CHECKS: readonly CheckName[] = [
  'credentialNotEnded',
  'entraReachable',
  'tokenIssued',
  'tokenAudience',
  'tokenRole',
]
const LOGIN_CHECKS: readonly CheckName[] = ['authOffered', 'authAccepted']
const MESSAGE_CHECKS: readonly CheckName[] = [
  'senderAccepted',
  'recipientAccepted',
  'messageAccepted',
]

/** The checks that belong to the profile's server and authentication, in their order. */
export function plannedChecks(profile: Profile, withMessage: boolean): readonly CheckName[] {
  const { type } = profile.authentication
  return CHECK_NAMES.filter((name) => {
    if (ENTRA_CHECKS.includes(name)) return type === 'exchangeOnline'
    if (LOGIN_CHECKS.includes(name)) return type !== 'none'
    if (name === 'tls') return profile.server.security !== 'none'
    return withMessage || !MESSAGE_CHECKS.includes(name)
  })
}

/** Collects the outcomes of one run. */
export interface CheckList {
  /** Records an outcome; a name that was not planned is left out. */
  add(check: {
    name: CheckName
    outcome: 'ok' | 'warning' | 'failed'
    durationMs: number
    evidence: string
    diagnosis?: Diagnosis | undefined
  }): void
  /** The first planned check without an outcome. */
  pending(): CheckName | undefined
  /** Every planned check in its order; what came behind a failure, or never came, is skipped. */
  finish(): Check[]
}

export function createCheckList(planned: readonly CheckName[]): CheckList {
  const added = new Map<CheckName, Check>()

  return {
    add({ name, outcome, durationMs, evidence, diagnosis }) {
      if (!planned.includes(name)) return
      added.set(name, {
        name,
        title: TITLES[name],
        outcome,
        durationMs,
        evidence,
        diagnosis: diagnosis ?? null,
      })
    },
    pending: () => planned.find((name) => !added.has(name)),
    finish() {
      let failed = false
      return planned.map((name) => {
        const check = failed ? undefined : added.get(name)
        failed ||= check?.outcome === 'failed'
        return check ?? skipped(name)
      })
    },
  }
}

function skipped(name: CheckName): Check {
  return {
    name,
    title: TITLES[name],
    outcome: 'skipped',
    durationMs: 0,
    evidence: '',
    diagnosis: null,
  }
}
