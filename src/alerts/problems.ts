import { dueThreshold, expiryWords } from '../credentials/index.ts'
import { type Diagnosis, diagnose } from '../diagnosis/index.ts'
import { toIsoDay } from '../platform/clock.ts'
import type { Profile } from '../profiles/index.ts'
import { diagnosisContext, type Health, type NetworkProblem } from '../verification/index.ts'
import type { Problem } from './alerts.ts'
import type { Advice } from './api.ts'

/** The settings file that was refused; `problems` are lines such as `postern.yaml:12:5: …`. */
export interface SettingsFileRefused {
  readonly file: string
  readonly problems: readonly string[]
}

export const NETWORK = 'network'
export const SETTINGS_FILE = 'settingsFile'
export const verificationOf = (profileId: string) => `verification:${profileId}`
export const credentialOf = (profileId: string) => `credential:${profileId}`
/** A new credential that does not work, a renewal that failed, a fallback that had to help. */
export const replacementOf = (profileId: string) => `replacement:${profileId}`
export const secretOf = (profileId: string) => `secretUnreadable:${profileId}`

/** From so few days on, the end of a secret is critical. */
const CRITICAL_DAYS = 3

/** Entra said that the secret has ended: the alert about the credential tells it, not a second one. */
const ENDED_CODES: readonly string[] = ['secret_expired', 'credential_ended']
const UNREADABLE_CODE = 'secret_unreadable'

export function saysEnded(health: Health): boolean {
  return health.state === 'failing' && ENDED_CODES.includes(health.diagnosis?.code ?? '')
}

/** The alert about the unreadable secret tells it, not a second one. */
export function isUnreadable(profile: Profile, health: Health): boolean {
  return profile.credential?.readable === false && health.diagnosis?.code === UNREADABLE_CODE
}

/** A verification from before the present secret says nothing about it. */
export function concerns(health: Health, profile: Profile): boolean {
  return (health.lastVerifiedAt ?? 0) >= (profile.credential?.createdAt ?? 0)
}

/** Whether the failure lies on the way to the server, so that a broken network of this machine explains it. */
export function failsOnTheWay(health: Health): boolean {
  return health.diagnosis?.answer.source === 'transport'
}

export function verificationProblem(profile: Profile, health: Health): Problem {
  const why = health.diagnosis?.summary ?? 'The verification failed.'
  return {
    problem: verificationOf(profile.id),
    kind: 'verification',
    profileId: profile.id,
    severity: 'critical',
    summary: `Profile “${profile.id}” cannot send mail. ${why}`,
    diagnosis: health.diagnosis,
    details: [],
  }
}

/**
 * What there is to tell about the end of the profile's credential: by its date, or because Entra refuses it as ended.
 * `told`: the diagnosis that people have; what Entra itself said is not replaced by a mere date.
 */
export function credentialProblem(
  profile: Profile,
  facts: { health: Health | undefined; told: Diagnosis | null; now: number },
): Problem | undefined {
  const { health, told, now } = facts
  const { credential } = profile
  if (credential === null) return undefined
  const { expiresAt } = credential
  const threshold = expiresAt === null ? undefined : dueThreshold(expiresAt, now)
  const refused = health !== undefined && saysEnded(health)
  const what = nameOf(credential.type)
  const base = { problem: credentialOf(profile.id), profileId: profile.id }
  if (refused || threshold === 0) {
    const day = toIsoDay(expiresAt === null || expiresAt > now ? now : expiresAt)
    const answered = [health?.diagnosis, told].find((each) => each?.code === 'secret_expired')
    return {
      ...base,
      kind: 'credentialEnded',
      severity: 'critical',
      summary: `The ${what} of profile “${profile.id}” ended on ${day} (UTC).`,
      diagnosis: answered ?? endOf(profile, day, now),
      details: whereToEnter(profile),
    }
  }
  if (expiresAt === null || threshold === undefined) return undefined
  return {
    ...base,
    kind: 'credentialExpiring',
    severity: threshold <= CRITICAL_DAYS ? 'critical' : 'warning',
    summary: `The ${what} of profile “${profile.id}” ${expiryWords(expiresAt, now)}.`,
    diagnosis: null,
    advice: renewal(profile, expiresAt, now),
    details: ['If Microsoft’s end date is later, correct the date in Postern.'],
  }
}

function renewal(profile: Profile, expiresAt: number, now: number): Advice {
  const day = toIsoDay(expiresAt)
  const { responsible, commands } = endOf(profile, day, now)
  const isEntra = responsible === 'entraAdministrator'
  const what = nameOf(profile.credential?.type ?? 'clientSecret')
  const get = isEntra
    ? `The Entra administrator makes a new ${what} by ${day} and copies its Value (not its Secret ID).`
    : `The operator of Postern gets a new ${what} by ${day}.`
  return {
    cause: isEntra
      ? `Microsoft refuses a ${what} after its end, and this profile cannot send mail then.`
      : `The server may refuse the ${what} after its end, and this profile cannot send mail then.`,
    responsible,
    remedy: [get, ...whereToEnter(profile)].join(' '),
    commands,
  }
}

export function secretProblem(profile: Profile, now: number): Problem | undefined {
  if (profile.credential?.readable !== false) return undefined
  return {
    problem: secretOf(profile.id),
    kind: 'secretUnreadable',
    profileId: profile.id,
    severity: 'critical',
    summary: `The stored secret of profile “${profile.id}” cannot be read with the master key that Postern has now.`,
    diagnosis: diagnose(
      { source: 'settings', problem: 'secret_unreadable', detail: 'sealed with another key.' },
      diagnosisContext(profile, { now }),
    ),
    details: [],
  }
}

export function networkSummary({ profiles }: NetworkProblem): string {
  return `None of the ${profiles} profiles reaches its servers: the network of the machine that runs Postern is the reason, not their credentials.`
}

export function networkAlert(problem: NetworkProblem): Problem {
  return {
    problem: NETWORK,
    kind: 'network',
    profileId: null,
    severity: 'critical',
    summary: networkSummary(problem),
    diagnosis: problem.diagnosis,
    details: ['The diagnosis is that of one profile; the others fail in the same way.'],
  }
}

export function settingsFileProblem({ file, problems }: SettingsFileRefused): Problem {
  return {
    problem: SETTINGS_FILE,
    kind: 'settingsFile',
    profileId: null,
    severity: 'warning',
    summary: `The settings file ${file} was refused; the settings that were in force stay in force.`,
    diagnosis: null,
    advice: {
      cause: 'The file does not say what it must; every place is listed below.',
      responsible: 'operator',
      remedy:
        'The operator of Postern corrects the file; Postern reads it again by itself. `postern sync --check` says beforehand whether it is right.',
      commands: [],
    },
    details: problems.slice(0, 50),
  }
}

function nameOf(type: 'clientSecret' | 'password' | 'certificate'): string {
  return { clientSecret: 'client secret', password: 'password', certificate: 'certificate' }[type]
}

function whereToEnter(profile: Profile): string[] {
  return [
    profile.managed
      ? `Then put it into the settings file, with its end date: profile “${profile.id}” is managed there.`
      : `Then enter it in Postern, with its end date: PUT /api/v1/profiles/${profile.id}/credential, as the README, “Replace the secret”, shows.`,
  ]
}

function endOf(profile: Profile, day: string, now: number): Diagnosis {
  const failure = { source: 'settings', problem: 'credential_ended', detail: day } as const
  return diagnose(failure, diagnosisContext(profile, { now }))
}

export function refusedProblem(profile: Profile, diagnosis: Diagnosis): Problem {
  return {
    ...replacementProblem(profile),
    summary: `The new credential of profile “${profile.id}” does not work; the former one stays in use. ${diagnosis.summary}`,
    diagnosis,
    details: [],
  }
}

export function renewalProblem(
  profile: Profile,
  news: { readonly detail: string; readonly diagnosis: Diagnosis | null },
): Problem {
  return {
    ...replacementProblem(profile),
    summary: `The credential of profile “${profile.id}” could not be renewed.`,
    diagnosis: news.diagnosis,
    details: [news.detail],
  }
}

export function fallbackProblem(profile: Profile, reason: string): Problem {
  return {
    ...replacementProblem(profile),
    summary: `Microsoft Entra refused the credential of profile “${profile.id}” (${reason}); the former one is in use again.`,
    diagnosis: null,
    advice: {
      cause:
        'The newer credential was removed at Microsoft Entra, has ended there, or was entered wrongly.',
      responsible: 'entraAdministrator',
      remedy:
        'The Entra administrator makes a new credential before the former one ends, and the operator of Postern enters it.',
      commands: [],
    },
    details: whereToEnter(profile),
  }
}

function replacementProblem(profile: Profile) {
  return {
    problem: replacementOf(profile.id),
    kind: 'credentialReplacement',
    profileId: profile.id,
    severity: 'warning',
    escalate: true,
  } as const
}
