import { codeOf, type ErrorKind, messageOf, PosternError } from '../../platform/errors.ts'

/** sysexits.h: what callers of sendmail understand. */
export const EX = {
  ok: 0,
  usage: 64,
  dataErr: 65,
  noUser: 67,
  unavailable: 69,
  software: 70,
  tempFail: 75,
  noPerm: 77,
  config: 78,
} as const
export type Sysexit = (typeof EX)[keyof typeof EX]

/** What ends the command: one sentence, one exit code. */
export class SendmailStop extends Error {
  override readonly name = 'SendmailStop'
  readonly exitCode: Sysexit

  constructor(message: string, exitCode: Sysexit) {
    super(message)
    this.exitCode = exitCode
  }
}

const OF_KIND = {
  invalid: EX.dataErr,
  unauthenticated: EX.noPerm,
  forbidden: EX.noPerm,
  not_found: EX.config,
  conflict: EX.tempFail,
  precondition_failed: EX.tempFail,
  too_large: EX.dataErr,
  rate_limited: EX.tempFail,
  unavailable: EX.tempFail,
  internal: EX.software,
} as const satisfies Record<ErrorKind, Sysexit>

const OF_CODE: Readonly<Record<string, Sysexit>> = {
  settings_invalid: EX.config,
  profile_required: EX.config,
  master_key_invalid: EX.config,
  data_folder_unusable: EX.noPerm,
  EACCES: EX.noPerm,
  EPERM: EX.noPerm,
}

/** What nobody foresaw is worth another try: a caller that gives up would lose the mail. */
export function sysexitOf(error: unknown): Sysexit {
  if (error instanceof SendmailStop) return error.exitCode
  const byCode = OF_CODE[codeOf(error) ?? '']
  if (byCode !== undefined) return byCode
  return error instanceof PosternError ? OF_KIND[error.kind] : EX.tempFail
}

/** One line. */
export function sentenceOf(error: unknown): string {
  const problems =
    error instanceof PosternError ? error.problems.map((p) => `${p.field} ${p.message}`) : []
  const isSettings = error instanceof PosternError && error.code === 'settings_invalid'
  const text = isSettings ? problems.join('; ') : messageOf(error)
  return text.replaceAll(/[\p{Cc}]+/gu, ' ')
}
