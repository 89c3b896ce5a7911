import { type ClientCredential, fingerprintOf } from './client-credential.ts'
import type { TokenAnswer } from './token-request.ts'

/**
 * How a client assertion names its certificate: `x5t#S256` with PS256, which Microsoft documents, or `x5t` with RS256
 * (https://learn.microsoft.com/entra/identity-platform/certificate-credentials).
 */
export type ThumbprintForm = 'sha256' | 'sha1'

export interface ChosenAnswer {
  readonly answer: TokenAnswer
  /** The certificate was refused by one of its names only: the next request uses the other one. */
  readonly isHalf: boolean
}

/** Sends one token request with the form that this application is known, or likely, to be accepted with. */
export type ThumbprintChoice = (
  subject: { application: string; credential: ClientCredential },
  send: (form: ThumbprintForm) => Promise<TokenAnswer>,
) => Promise<ChosenAnswer>

/**
 * Some tenants answer 700027 (the key was not found) to `x5t#S256` and take the same certificate by `x5t`
 * (MicrosoftDocs/entra-docs pull request 1301); an endpoint that knows only the old form answers 50027.
 *
 * So the first refusal of a certificate is half an answer, and the next request uses the other form; what worked is
 * remembered for the application. A certificate that is refused in both is most likely not uploaded yet: from then on
 * the forms take turns.
 */
export function createThumbprintChoice(): ThumbprintChoice {
  const proven = new Map<string, ThumbprintForm>()
  /** The form of the next request, for each certificate that was refused. */
  const turns = new Map<string, ThumbprintForm>()

  return async ({ application, credential }, send) => {
    if (credential.type !== 'certificate') return { answer: await send('sha256'), isHalf: false }
    const key = `${application} ${fingerprintOf(credential)}`
    const turn = turns.get(key)
    const form = turn ?? proven.get(application) ?? 'sha256'
    const answer = await send(form)
    if (answer.outcome.ok) {
      proven.set(application, form)
      turns.delete(key)
    }
    if (!isUnknownKey(answer)) return { answer, isHalf: false }
    turns.set(key, form === 'sha256' ? 'sha1' : 'sha256')
    return { answer, isHalf: turn === undefined }
  }
}

const KEY_NOT_FOUND = 700027
const NO_THUMBPRINT = 50027

function isUnknownKey({ outcome }: TokenAnswer): boolean {
  if (outcome.ok || outcome.failure.source !== 'entra') return false
  const [main] = outcome.failure.codes
  return main === KEY_NOT_FOUND || main === NO_THUMBPRINT
}
