import { type FieldProblem, PosternError } from '../../platform/errors.ts'

/** Nothing of a message that is refused was kept. */
export function messageInvalid(problems: readonly FieldProblem[]): PosternError {
  const [first] = problems
  const message =
    problems.length === 1 && first !== undefined
      ? `Nothing was accepted. ${first.message}`
      : `Nothing was accepted, because the message is wrong in ${problems.length} places: ${fieldsOf(problems)}.`
  return new PosternError(message, { kind: 'invalid', code: 'message_invalid', problems })
}

function fieldsOf(problems: readonly FieldProblem[]): string {
  return [...new Set(problems.map(({ field }) => field))].filter((name) => name !== '').join(', ')
}

export function messageEmpty(): PosternError {
  return new PosternError('The message is empty. Send at least a header and a body.', {
    kind: 'invalid',
    code: 'message_empty',
  })
}

export function messageTooLarge(limitBytes: number): PosternError {
  const limit = Math.floor(limitBytes / (1024 * 1024))
  return new PosternError(
    `Nothing was accepted: the message is larger than ${limit} MB, encoded attachments included. Send less at once, or send a link to the file.`,
    { kind: 'too_large', code: 'message_too_large', details: { limitBytes } },
  )
}

export function messageMalformed(what: string): PosternError {
  return new PosternError(`Nothing was accepted, because ${what}`, {
    kind: 'invalid',
    code: 'message_malformed',
  })
}

export function uploadIncomplete(cause: unknown): PosternError {
  return new PosternError(
    'Nothing was accepted: the message broke off before its end. Send it again.',
    { kind: 'invalid', code: 'upload_incomplete', cause },
  )
}

export function profileRequired(ids: readonly string[]): PosternError {
  const message =
    ids.length === 0
      ? 'Nothing was accepted: there is no profile yet. Create one with the email settings first.'
      : `Nothing was accepted: there are several profiles and none is called “default”. Name the one that shall send: ${ids.slice(0, 20).join(', ')}.`
  return new PosternError(message, { kind: 'invalid', code: 'profile_required' })
}
