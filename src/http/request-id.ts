import type { IncomingMessage } from 'node:http'
import { newId } from '../platform/ids.ts'

export const REQUEST_ID_HEADER = 'x-request-id'

/** What UUIDs, ULIDs and trace ids are made of: nothing that could break a log line, a header or a page. */
const SANE = /^[A-Za-z0-9._:-]{1,100}$/

/** The caller's own request id when it is harmless, a new one otherwise. */
export function requestIdOf(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers[REQUEST_ID_HEADER]
  return typeof given === 'string' && SANE.test(given) ? given : newId()
}
