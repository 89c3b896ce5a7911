import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { type FieldProblem, PosternError } from '../platform/errors.ts'
import { NewCredential } from './api.ts'
import type { NewCredentialInput } from './staging.ts'

const Body = Type.Record(Type.String(), Type.Unknown())

/** The outer form of the body; the credential itself is judged by the profiles. */
export function readNewCredential(body: unknown): NewCredentialInput {
  if (!Value.Check(Body, body)) {
    throw invalid([{ field: '', message: 'The body must be an object with credential.' }])
  }
  const known = Object.keys(NewCredential.properties)
  const problems = Object.keys(body)
    .filter((key) => !known.includes(key))
    .map((key) => ({
      field: key,
      message: `${key} is not known here: remove it or correct its spelling. Known: ${known.join(', ')}.`,
    }))
  const { credential, sendTo } = { credential: undefined, sendTo: undefined, ...body }
  if (credential === undefined) {
    problems.push({ field: 'credential', message: 'credential is missing: add it.' })
  }
  if (sendTo !== undefined && typeof sendTo !== 'string') {
    problems.push({ field: 'sendTo', message: 'sendTo must be an email address.' })
  }
  if (problems.length > 0) throw invalid(problems)
  return { credential, sendTo: typeof sendTo === 'string' ? sendTo : undefined }
}

function invalid(problems: readonly FieldProblem[]): PosternError {
  return new PosternError(
    `Nothing was saved. ${problems.map(({ message }) => message).join(' ')}`,
    { kind: 'invalid', code: 'input_invalid', problems },
  )
}
