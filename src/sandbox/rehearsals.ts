import { PosternError } from '../platform/errors.ts'
import type { TenantModel } from './model.ts'
import { graphRehearsals } from './rehearsals/graph.ts'
import { messageRehearsals } from './rehearsals/message.ts'
import { networkRehearsals } from './rehearsals/network.ts'
import type { Rehearsal } from './rehearsals/scene.ts'
import { smtpRehearsals } from './rehearsals/smtp.ts'
import { tokenRehearsals } from './rehearsals/token.ts'

export type { Rehearsal, RehearsalNeed } from './rehearsals/scene.ts'

/**
 * Every failure that this tenant can produce, in the order in which a verification would meet it. The patches concern the first
 * application and the first mailbox of the state, with the secrets and certificates that it has.
 */
export function listRehearsals(state: TenantModel): readonly Rehearsal[] {
  const [clientId, app] = Object.entries(state.apps)[0] ?? []
  const [mailbox] = Object.keys(state.mailboxes)
  if (clientId === undefined || app === undefined || mailbox === undefined) return []
  const scene = { clientId, app, mailbox }
  return [
    ...networkRehearsals(scene),
    ...tokenRehearsals(scene),
    ...smtpRehearsals(scene),
    ...messageRehearsals(scene),
    ...graphRehearsals(scene),
  ]
}

export function findRehearsal(state: TenantModel, code: string): Rehearsal {
  const found = listRehearsals(state).find((rehearsal) => rehearsal.code === code)
  if (found !== undefined) return found
  throw new PosternError(
    'There is no rehearsal with this code. Read GET /rehearsals for the codes that can be rehearsed.',
    { kind: 'not_found', code: 'sandbox_rehearsal_unknown' },
  )
}
