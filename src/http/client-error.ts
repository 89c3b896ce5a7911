import type { Socket } from 'node:net'
import type { ConnectionError } from 'fastify'
import { newId } from '../platform/ids.ts'
import { malformedRequest } from './framework-error.ts'
import { PROBLEM_MEDIA_TYPE, problemOf, statusOf } from './problem.ts'
import { REQUEST_ID_HEADER } from './request-id.ts'

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
}

/** Answers what Node's HTTP parser refuses before there is a request, then ends the connection. */
export function answerClientError(error: ConnectionError, socket: Socket): void {
  // https://nodejs.org/api/http.html#event-clienterror
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = malformedRequest(error.code)
  const status = statusOf(problem)
  const requestId = newId()
  const body = JSON.stringify(problemOf(problem, requestId))
  socket.end(
    [
      `HTTP/1.1 ${status} ${REASONS[status] ?? 'Bad Request'}`,
      'Connection: close',
      `Content-Type: ${PROBLEM_MEDIA_TYPE}`,
      `Content-Length: ${Buffer.byteLength(body)}`,
      `${REQUEST_ID_HEADER}: ${requestId}`,
      '',
      body,
    ].join('\r\n'),
  )
}
