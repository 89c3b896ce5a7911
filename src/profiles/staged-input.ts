import { Type } from 'typebox'
import type { FieldProblem } from '../platform/errors.ts'
import type { Secret } from '../platform/secret.ts'
import { CredentialInput } from './api.ts'
import { readCredential, type SecretDraft } from './authentication-rules.ts'
import { createFindings } from './findings.ts'
import { credentialKindWrong, profileInvalid } from './refusals.ts'
import type { Settings } from './settings.ts'
import { checkShape, isRecord } from './shape.ts'

const Staged = Type.Object({ credential: CredentialInput })

/** Checks a credential that is to be staged, alone. Throws with every problem at once. */
export function readStagedInput(
  id: string,
  input: unknown,
  { authentication }: Settings,
): { draft: SecretDraft; value: Secret } {
  if (authentication.type !== 'exchangeOnline') throw credentialKindWrong(id)
  const findings = createFindings()
  checkShape(Staged, { credential: input }, { field: '', name: 'The body', findings })
  const draft = isRecord(input) ? readCredential(input, 'credential', findings) : undefined
  if (findings.problems.length > 0) throw profileInvalid(findings.problems)
  if (draft?.value === undefined) throw profileInvalid([missing(draft?.type)])
  return { draft, value: draft.value }
}

function missing(type: SecretDraft['type'] | undefined): FieldProblem {
  return type === 'certificate'
    ? {
        field: 'credential.certificate',
        message: 'The new certificate and its private key are missing: enter both.',
      }
    : {
        field: 'credential.value',
        message: 'The new client secret is missing: paste its Value.',
      }
}
