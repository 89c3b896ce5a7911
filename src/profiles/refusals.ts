import { type FieldProblem, PosternError } from '../platform/errors.ts'

export function profileNotFound(id: string): PosternError {
  return new PosternError(
    `There is no profile “${shown(id)}”. GET /api/v1/profiles and “postern doctor” show those that exist.`,
    { kind: 'not_found', code: 'profile_not_found' },
  )
}

export function profileExists(id: string): PosternError {
  return new PosternError(
    `A profile “${id}” exists already. Choose another id, or change that one.`,
    { kind: 'conflict', code: 'profile_exists' },
  )
}

export function profileChanged(id: string, version: number | null): PosternError {
  return new PosternError(
    version === null
      ? `Profile “${id}” was removed by somebody else meanwhile; nothing was saved.`
      : `Profile “${id}” was changed by somebody else meanwhile; nothing was saved. Read it again, repeat your change and send the new ETag.`,
    { kind: 'precondition_failed', code: 'profile_changed', details: { version } },
  )
}

export function profileManaged(id: string, file: string): PosternError {
  return new PosternError(
    `Profile “${id}” comes from the settings file ${file}: change it there.`,
    { kind: 'conflict', code: 'profile_managed', details: { file } },
  )
}

export function profileInvalid(problems: readonly FieldProblem[]): PosternError {
  const [first] = problems
  const message =
    problems.length === 1 && first !== undefined
      ? `Nothing was saved. ${first.message}`
      : `Nothing was saved, because settings are wrong: ${fieldNames(problems)}.`
  return new PosternError(message, { kind: 'invalid', code: 'profile_invalid', problems })
}

export function credentialInUse(id: string): PosternError {
  return new PosternError(
    `Nothing was saved: this is the credential that profile “${id}” uses already. Enter the new one.`,
    { kind: 'conflict', code: 'credential_in_use' },
  )
}

export function credentialKindWrong(id: string): PosternError {
  return new PosternError(
    `Profile “${id}” does not log in with a client secret or certificate of Microsoft Entra: change its password in the profile itself.`,
    { kind: 'conflict', code: 'credential_kind_wrong' },
  )
}

/** The caller holds an older profile: its secret must not go to the place that the older one names. */
export function secretReplaced(id: string): PosternError {
  return new PosternError(
    `Profile “${id}” was changed while its secret was about to be used, so nothing was sent. Try it again.`,
    { kind: 'precondition_failed', code: 'profile_changed' },
  )
}

export function customCloudOff(id: string): PosternError {
  return new PosternError(
    `Profile “${id}” uses a custom cloud, which is not allowed here, so its secret is not handed out. Choose one of Microsoft’s clouds, or start Postern with POSTERN_ALLOW_CUSTOM_CLOUD=true.`,
    { kind: 'invalid', code: 'custom_cloud_not_allowed' },
  )
}

function fieldNames(problems: readonly FieldProblem[]): string {
  const names = problems.map(({ field }) => shown(field)).filter((name) => name !== '')
  return [...new Set(names)].join(', ')
}

/** Input that goes into a sentence: one line, and not long. */
function shown(text: string): string {
  return text.replaceAll(/[\p{Cc}\u2028\u2029]/gu, '?').slice(0, 80)
}
