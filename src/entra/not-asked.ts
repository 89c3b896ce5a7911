import type { TransportFailure } from '../diagnosis/index.ts'
import { MINUTE_MS, SECOND_MS } from '../platform/clock.ts'
import { REFUSED_MS } from './refusal-pace.ts'
import type { TokenRequest } from './token-request.ts'

/** Code of the failure of a request that was never sent, because others of its application were refused. */
const NOT_ASKED = 'ENOTASKED'

export function notAsked({ cloud }: TokenRequest, waitedMs: number): TransportFailure {
  const { hostname, port } = new URL(cloud.authority)
  return {
    source: 'transport',
    peer: 'entra',
    phase: 'timeout',
    step: 'token',
    host: hostname,
    port: Number(port || 443),
    code: NOT_ASKED,
    message: `Microsoft Entra refuses other credentials of the same application. Postern asks once in ${REFUSED_MS / SECOND_MS} s then, and the turn of this one did not come within ${waitedMs / MINUTE_MS} minutes.`,
  }
}
