import { type Diagnosis, diagnose, type Failure, type GraphEvidence } from '../diagnosis/index.ts'
import type { CredentialVersion, Profile, Profiles } from '../profiles/index.ts'
import { diagnosisContext, openStored, type Proof, provenAt } from './mail-access.ts'

/** What Microsoft Graph said about an application. */
export interface GraphWord {
  readonly askedAt: number
  readonly clientId: string
  /** Object ID of the app registration, which is not that of the enterprise application. */
  readonly registrationObjectId: string
  /** The client secrets that the registration lists. */
  readonly secrets: readonly { readonly keyId: string; readonly hint: string }[]
}

/** What is known beside the answer of the server itself. Whoever asks Graph hands it in. */
export interface Evidence {
  /** What Graph said last about the profile's application; undefined when it was not asked or may not tell. */
  graph(profileId: string): GraphWord | undefined
  /** What Graph said last is too old to judge by: it is to be asked again soon. */
  askGraph(profileId: string): void
}

/** What the words about a failure need beside the failure. */
export interface ExplainDeps {
  profiles: Pick<Profiles, 'credentials' | 'find'>
  /** Absent: nobody asks Graph. */
  evidence?: Evidence | undefined
}

/** Says what a failure means for a profile, by the answer and by everything that is known beside it. */
export function explainFailure(
  deps: ExplainDeps,
  failure: Failure,
  facts: {
    /** With the credential that was used. */
    profile: Profile
    proof: Proof
    now: number
    /** Of the token. */
    servicePrincipalObjectId: string | null
    secretLooksLikeId: boolean
  },
): Diagnosis {
  const { profile, proof, ...known } = facts
  const worked = provenAt(failure, proof, profile)
  const graph = graphEvidence(deps, failure, { profile, worked })
  return diagnose(failure, diagnosisContext(profile, { ...known, provenAt: worked, graph }))
}

function graphEvidence(
  { profiles, evidence }: ExplainDeps,
  failure: Failure,
  { profile, worked }: { profile: Profile; worked: number | null },
): GraphEvidence | undefined {
  const { authentication, credential, id } = profile
  if (authentication.type !== 'exchangeOnline' || evidence === undefined) return undefined
  const said = evidence.graph(id)
  const isSame = said?.clientId.toLowerCase() === authentication.clientId.toLowerCase()
  const word = isSame ? said : undefined
  const isAboutSecret = failure.source === 'entra' && credential?.type === 'clientSecret'
  const isOld = word === undefined || word.askedAt < (credential?.createdAt ?? 0)
  // Only another credential than the refused one can ask Graph.
  if (isAboutSecret && isOld && profiles.find(id)?.credential?.id !== credential.id) {
    evidence.askGraph(id)
  }
  if (word === undefined) return undefined
  const version = profiles.credentials(id).find((one) => one.id === credential?.id)
  const storedSecret = isAboutSecret ? secretState(word, version, worked) : undefined
  return {
    registrationObjectId: word.registrationObjectId,
    ...(storedSecret !== undefined && { storedSecret }),
  }
}

/** What the list says about a refused secret; undefined when it is older than what it would have to tell. */
function secretState(
  { askedAt, secrets }: GraphWord,
  version: CredentialVersion | undefined,
  worked: number | null,
): GraphEvidence['storedSecret'] | undefined {
  // A list from when the secret still worked says nothing about what has happened since.
  if (version === undefined || (worked !== null && askedAt <= worked)) return undefined
  const { createdAt, hint, keyId } = version
  if (keyId !== null && secrets.some((one) => isSame(one.keyId, keyId))) return 'listed'
  const hinted = secrets.filter((one) => one.hint !== '')
  if (keyId === null && hinted.some((one) => hint.startsWith(one.hint))) return 'listed'
  // One that was made after the list cannot stand in it.
  if (askedAt < createdAt) return undefined
  if (keyId !== null) return 'missing'
  return hint === '' || hinted.length < secrets.length ? undefined : 'hintMismatch'
}

function isSame(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}

const SECRET_ID = /^\{?[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}?$/i

/** Entra's secrets never have the form of a GUID; their IDs, which the portal shows beside them, always do. */
export function looksLikeSecretId(value: string): boolean {
  return SECRET_ID.test(value.trim())
}

/** Whether the secret in use has the form of an ID; false when another one is in use by now. */
export async function storesSecretId(
  profiles: Pick<Profiles, 'find' | 'openCredential'>,
  profile: Profile,
): Promise<boolean> {
  if (profiles.find(profile.id)?.credential?.id !== profile.credential?.id) return false
  const opened = await openStored(profiles, profile)
  const credential = opened.ok ? opened.value : null
  return credential?.type === 'clientSecret' && looksLikeSecretId(credential.value.reveal())
}
