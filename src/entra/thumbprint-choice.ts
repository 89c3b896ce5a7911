import { type ClientCredential, fingerprintOf } from './client-credential.ts'
import type { TokenAnswer } from './token-request.ts'

/**
 * How a client assertion names its certificate: `x5t#S256` with PS256, which Microsoft documents, or `x5t` with RS256
 * (https://learn.microsoft.com/entra/identity-platform/certificate-credentials).
 */
export type ThumbprintForm = 'sha256' | 'sha1'

/** Sends a token request with the form that this application is known, or likely, to be accepted with. */
export type ThumbprintChoice = (
  subject: { application: string; credential: ClientCredential },
  send: (form: ThumbprintForm) => Promise<TokenAnswer>,
) => Promise<TokenAnswer>

/**
 * Some tenants answer 700027 (the key was not found) to `x5t#S256` and take the same certificate by `x5t`
 * (MicrosoftDocs/entra-docs pull request 1301); an endpoint that knows only the old form answers 50027.
 *
 * So the first refusal of a certificate is followed at once by a request in the other form, and what worked is
 * remembered for the application. A certificate that is refused in both is most likely not uploaded yet: from then on
 * each attempt sends one request, the forms taking turns, so that the token endpoint is not asked more often.
 */
export function createThumbprintChoice(): ThumbprintChoice {
  const proven = new Map<string, ThumbprintForm>()
  /** The form of the next attempt, for each certificate that was refused in both. */
  const turns = new Map<string, ThumbprintForm>()

  return async ({ application, credential }, send) => {
    if (credential.type !== 'certificate') return send('sha256')
    const key = `${application} ${fingerprintOf(credential)}`

    async function attempt(form: ThumbprintForm): Promise<TokenAnswer> {
      const answer = await send(form)
      if (answer.outcome.ok) {
        proven.set(application, form)
        turns.delete(key)
      }
      return answer
    }

    const turn = turns.get(key)
    const form = turn ?? proven.get(application) ?? 'sha256'
    const answer = await attempt(form)
    if (!isUnknownKey(answer)) return answer
    if (turn !== undefined) {
      turns.set(key, otherThan(form))
      return answer
    }
    turns.set(key, form)
    return attempt(otherThan(form))
  }
}

const KEY_NOT_FOUND = 700027
const NO_THUMBPRINT = 50027

function isUnknownKey({ outcome }: TokenAnswer): boolean {
  if (outcome.ok || outcome.failure.source !== 'entra') return false
  const [main] = outcome.failure.codes
  return main === KEY_NOT_FOUND || main === NO_THUMBPRINT
}

function otherThan(form: ThumbprintForm): ThumbprintForm {
  return form === 'sha256' ? 'sha1' : 'sha256'
}
