import type { AlertKind } from './api.ts'
import type { StoredAlert } from './stored-alert.ts'

type Ended = Pick<StoredAlert, 'kind' | 'profileId' | 'summary'>

interface Words {
  /** What is true again, to follow “Resolved: ”. */
  readonly again: (profile: string) => string
  /** What was the matter, to be followed by “from … to …”. */
  readonly was: (profile: string, summary: string) => string
  readonly now: string
}

const asSummary = (_profile: string, summary: string) => `This was the matter: ${summary} It lasted`

const WORDS = {
  verification: {
    again: (profile) => `${profile} can send mail again`,
    was: (profile) => `${capital(profile)} could not send mail`,
    now: 'it works again',
  },
  network: {
    again: () => 'the servers can be reached again',
    was: () => 'None of the profiles reached its servers',
    now: 'it works again',
  },
  credentialExpiring: {
    again: (profile) => `the credential of ${profile} does not end soon any more`,
    was: asSummary,
    now: 'it is over now',
  },
  credentialEnded: {
    again: (profile) => `the credential of ${profile} is valid again`,
    was: asSummary,
    now: 'it is over now',
  },
  credentialReplacement: {
    again: (profile) => `a new credential of ${profile} is in use`,
    was: asSummary,
    now: 'it is over now',
  },
  secretUnreadable: {
    again: (profile) => `the secret of ${profile} can be read again`,
    was: asSummary,
    now: 'it is over now',
  },
  settingsFile: {
    again: () => 'the settings file is in order again',
    was: asSummary,
    now: 'it is over now',
  },
  mailHeld: {
    again: (profile) => `the mail of ${profile} is sent again`,
    was: (profile) => `The mail of ${profile}, or of one of its senders, was kept back`,
    now: 'it is sent again',
  },
  mailDelayed: {
    again: (profile) => `the mail of ${profile} does not wait long any more`,
    was: (profile) => `Mail of ${profile} waited for more than an hour`,
    now: 'it is over now',
  },
  dailyLimitReached: {
    again: (profile) => `the mailbox of ${profile} may send again`,
    was: (profile) => `The mailbox of ${profile} had sent to all the recipients that it may`,
    now: 'it may send again',
  },
  failuresUntold: {
    again: (profile) => `failed mail of ${profile} is reported again`,
    was: asSummary,
    now: 'it is over now',
  },
} as const satisfies Record<AlertKind, Words>

/** The alert about the mail of removed profiles belongs to none. */
const ORPHANED: Words = {
  again: () => 'no mail of a removed profile waits any more',
  was: asSummary,
  now: 'it is over now',
}

function wordsOf({ kind, profileId }: Ended): Words {
  const isMail = kind === 'mailHeld' || kind === 'failuresUntold'
  return isMail && profileId === null ? ORPHANED : WORDS[kind]
}

/** `profile “default” can send mail again` */
export function againWords(alert: Ended): string {
  return wordsOf(alert).again(nameOf(alert.profileId))
}

/** For those who could not be told in time. */
export function missedLines(alert: Ended, from: string, to: string): readonly string[] {
  const { was, now } = wordsOf(alert)
  return [
    `${was(nameOf(alert.profileId), alert.summary)} from ${from} to ${to}.`,
    `This could not be mailed before; ${now}.`,
  ]
}

function nameOf(profileId: string | null): string {
  return profileId === null ? 'the profile' : `profile “${profileId}”`
}

function capital(text: string): string {
  return `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`
}
