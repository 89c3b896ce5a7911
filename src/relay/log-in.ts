import type { SMTPServerAuthentication } from 'smtp-server'
import type { RelayClient } from './clients/index.ts'
import type { Desk } from './desk.ts'
import { REFUSALS } from './refusals.ts'
import { type Reply, replyOf } from './reply.ts'

/** The client of an AUTH command, or the answer. */
export async function logIn(
  desk: Desk,
  auth: SMTPServerAuthentication,
  address: string,
): Promise<RelayClient | Reply> {
  const { username = '', password, authzid, authcid } = auth
  // RFC 4616 §2: nobody acts for somebody else here.
  if (authzid && authcid && authzid !== authcid) return REFUSALS.otherIdentity
  try {
    return await desk.logins.logIn({ username, password: password ?? '', address })
  } catch (error) {
    desk.log.error({ err: error }, 'login not checked')
    return { ...replyOf(error), code: 454, enhanced: '4.3.0' }
  }
}
