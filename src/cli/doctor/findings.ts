import { styleText } from 'node:util'
import { daysLeft, expiryWords } from '../../credentials/index.ts'
import { waitingSentence } from '../../diagnosis/index.ts'
import type { Profile } from '../../profiles/index.ts'
import type { Report } from '../../verification/index.ts'
import { diagnosisLines } from '../diagnosis-lines.ts'

export type DoctorStatus = 'ok' | 'warning' | 'critical' | 'unknown'

export interface Examined {
  readonly profile: Profile
  readonly report: Report
}

export interface Finding extends Examined {
  readonly status: DoctorStatus
  /** The end of the secret in words; null when no end is known. */
  readonly expiry: string | null
}

export interface Findings {
  readonly status: DoctorStatus
  readonly exitCode: number
  readonly profiles: readonly Finding[]
  /** What --json prints. */
  readonly json: unknown
}

const EXIT_OF = { ok: 0, warning: 1, critical: 2, unknown: 3 } as const satisfies Record<
  DoctorStatus,
  number
>
const OUTCOME_STATUS = { ok: 'ok', warning: 'warning', failed: 'critical' } as const
const WARNING_DAYS = 14
const MOST_REASONS = 5
/** Entra itself says that the end has come: the typed date would contradict it. */
const ENDED_CODES: readonly string[] = ['secret_expired', 'credential_ended']

export function judge(examined: readonly Examined[], now: number): Findings {
  const profiles = examined.map(({ profile, report }): Finding => {
    const expiresAt = profile.credential?.expiresAt ?? null
    const soon = expiresAt !== null && daysLeft(expiresAt, now) <= WARNING_DAYS
    const status = statusOf(report)
    const hasEnded = ENDED_CODES.includes(report.diagnosis?.code ?? '')
    return {
      profile,
      report,
      status: status === 'ok' && soon ? 'warning' : status,
      expiry: expiresAt === null || hasEnded ? null : expiryWords(expiresAt, now),
    }
  })
  const status = worst(profiles.map((finding) => finding.status))
  return {
    status,
    exitCode: EXIT_OF[status],
    profiles,
    json: {
      status,
      profiles: profiles.map(({ profile, report, status: own, expiry }) => ({
        id: profile.id,
        status: own,
        credentialExpiry: expiry,
        report,
      })),
    },
  }
}

/** A change that Microsoft is still spreading is no failure: as in the health of the profile. */
function statusOf({ outcome, diagnosis }: Report): DoctorStatus {
  const isWaiting = outcome === 'failed' && typeof diagnosis?.waitingUntil === 'string'
  return isWaiting ? 'warning' : OUTCOME_STATUS[outcome]
}

function worst(all: readonly DoctorStatus[]): DoctorStatus {
  if (all.length === 0) return 'unknown'
  return all.includes('critical') ? 'critical' : all.includes('warning') ? 'warning' : 'ok'
}

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow'

const MARKS = {
  ok: { style: 'green', symbol: '✔', word: 'ok' },
  warning: { style: 'yellow', symbol: '!', word: 'warn' },
  failed: { style: 'red', symbol: '✘', word: 'fail' },
  skipped: { style: 'dim', symbol: '-', word: 'skip' },
} as const

export function renderDoctor(findings: Findings, coloured: boolean): string {
  const paint = (style: Style, text: string) =>
    coloured ? styleText(style, text, { validateStream: false }) : text
  const lines = findings.profiles.flatMap(({ profile, report, expiry }) => [
    paint('bold', `Profile “${profile.id}” (${profile.senderEmailAddress})`),
    ...report.checks.map((check) => {
      const { style, symbol, word } = MARKS[check.outcome]
      const mark = coloured ? paint(style, symbol) : word.padEnd(4)
      return `  ${mark} ${check.title}${check.evidence === '' ? '' : paint('dim', `  ${check.evidence}`)}`
    }),
    ...(expiry === null ? [] : [`  The ${secretName(profile.credential?.type)} ${expiry}.`]),
    ...(report.diagnosis === null ? [] : ['', ...diagnosisLines(report.diagnosis)]),
    ...report.unproven.map((text) => `  Not proven by this run: ${text}`),
    '',
  ])
  return `${[summary(findings), '', ...lines].join('\n').trimEnd()}\n`
}

function secretName(type: string | undefined): string {
  return type === 'certificate' ? 'certificate' : type === 'password' ? 'password' : 'client secret'
}

/** The line that monitoring systems show: the worst profiles with their reasons. */
function summary({ status, profiles }: Findings): string {
  if (profiles.length === 0) return 'UNKNOWN: no profile is stored yet.'
  const reasons = profiles
    .filter((finding) => finding.status === status && status !== 'ok')
    .slice(0, MOST_REASONS)
    .map(({ profile, report, expiry }) => {
      const warned = report.checks.find(({ outcome }) => outcome === 'warning')
      const secret = `The ${secretName(profile.credential?.type)} ${expiry}.`
      const waiting = report.diagnosis === null ? undefined : waitingSentence(report.diagnosis)
      const why = report.diagnosis?.summary ?? warned?.evidence ?? secret
      return [`${profile.id}: ${why}`, waiting].filter((text) => text !== undefined).join(' ')
    })
  const count = `${profiles.length} profile${profiles.length === 1 ? '' : 's'} verified.`
  return [`${status.toUpperCase()}:`, ...reasons, count].join(' ')
}
