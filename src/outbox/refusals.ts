import { PosternError } from '../platform/errors.ts'

export function messageNotFound(id: string): PosternError {
  return new PosternError(
    `There is no message ${id}. It may have been removed because it ended long ago.`,
    { kind: 'not_found', code: 'message_not_found' },
  )
}

export function messageSending(id: string): PosternError {
  return new PosternError(`The message ${id} is being sent just now. Look again in a moment.`, {
    kind: 'conflict',
    code: 'message_sending',
  })
}

export function attemptSettled(id: string, number: number): PosternError {
  return new PosternError(
    `The message ${id} is not being sent in attempt ${number}: what that came to is stored already. Nobody has to act.`,
    { kind: 'conflict', code: 'attempt_settled' },
  )
}

export function isAttemptSettled(error: unknown): boolean {
  return error instanceof PosternError && error.code === 'attempt_settled'
}

export function messageDelivered(id: string): PosternError {
  return new PosternError(
    `The message ${id} was delivered already; there is nothing to try again.`,
    { kind: 'conflict', code: 'message_delivered' },
  )
}

export function messageFinished(id: string): PosternError {
  return new PosternError(`The message ${id} has ended already; there is nothing to cancel.`, {
    kind: 'conflict',
    code: 'message_finished',
  })
}

export function messageBodyGone(id: string): PosternError {
  return new PosternError(
    `The content of the message ${id} is not kept any more. Have it sent again by the application that it came from.`,
    { kind: 'conflict', code: 'message_body_gone' },
  )
}

export function cursorInvalid(): PosternError {
  return new PosternError('The cursor is not one of this list. Begin with the first page again.', {
    kind: 'invalid',
    code: 'cursor_invalid',
  })
}
