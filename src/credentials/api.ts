import { type Static, Type } from 'typebox'
import { Diagnosis } from '../diagnosis/api.ts'
import { CredentialInput, CredentialVersionView } from '../profiles/api.ts'

/** Wire schemas of the credentials of a profile. */
const closed = { additionalProperties: false }
const Instant = Type.String({ format: 'date-time' })

export const NewCredential = Type.Object(
  {
    credential: CredentialInput,
    sendTo: Type.Optional(
      Type.String({
        description: 'Also hand over one message to this address before the credential is used',
        examples: ['it@contoso.com'],
      }),
    ),
  },
  { ...closed, description: 'A new client secret or certificate' },
)
export type NewCredential = Static<typeof NewCredential>

export const ProofState = Type.Object(
  {
    credentialId: Type.String(),
    state: Type.Enum(['proving', 'waiting', 'active', 'refused'], {
      description:
        'proving: the checks run; waiting: nothing is decided yet, they run again; active: it works and is in use; refused: it was removed, the former one stays in use',
    }),
    since: Instant,
    attempts: Type.Integer({ description: 'Runs of the checks so far' }),
    nextAttemptAt: Type.Union([Instant, Type.Null()]),
    diagnosis: Type.Union([Diagnosis, Type.Null()], { description: 'Why it did not work yet' }),
  },
  { ...closed, description: 'The last proof of a new credential since the start of Postern' },
)
export type ProofState = Static<typeof ProofState>

export const RenewalState = Type.Object(
  {
    step: Type.Enum(['requested', 'added', 'staged', 'active', 'removed', 'failed'], {
      description:
        'requested, added, staged: a new secret or certificate is being made and proven; active: it is in use and the former one waits for its removal; removed: done; failed: see error',
    }),
    startedAt: Instant,
    updatedAt: Instant,
    error: Type.Union([Type.String(), Type.Null()]),
  },
  { ...closed, description: 'The last renewal without a person' },
)
export type RenewalState = Static<typeof RenewalState>

export const GraphFinding = Type.Object(
  {
    checkedAt: Instant,
    state: Type.Enum(['read', 'notPermitted', 'failed'], {
      description:
        'read: Graph has answered; notPermitted: the app lacks an optional permission; failed: no answer, it is asked again',
    }),
    detail: Type.String({ description: 'What that means, one sentence' }),
    others: Type.Array(
      Type.Object(
        {
          type: Type.Enum(['clientSecret', 'certificate']),
          displayName: Type.String(),
          keyId: Type.String(),
          endsAt: Type.Union([Instant, Type.Null()]),
        },
        closed,
      ),
      { description: 'Further secrets and certificates of the app' },
    ),
    newerExists: Type.Boolean({
      description: 'Whether the app has one of the same type that began later and ends later',
    }),
    ambiguous: Type.Boolean({
      description: 'Whether several look like the stored one; the one that ends first counts',
    }),
  },
  { ...closed, description: 'What Microsoft Graph said about the credential in use' },
)
export type GraphFinding = Static<typeof GraphFinding>

export const CredentialList = Type.Object(
  {
    credentials: Type.Array(CredentialVersionView, {
      description: 'The active one first, then the staged one, then the fallback',
    }),
    proof: Type.Union([ProofState, Type.Null()]),
    renewal: Type.Union([RenewalState, Type.Null()]),
    graph: Type.Union([GraphFinding, Type.Null()], {
      description: 'null: not asked since the start of Postern or the last change',
    }),
  },
  { ...closed, description: 'The credentials of a profile: never a secret' },
)
export type CredentialList = Static<typeof CredentialList>
