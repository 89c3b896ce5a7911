import type { Diagnosis, Outcome } from '../diagnosis/index.ts'
import { checkAudience, checkRole, REQUIRED_ROLE, type TokenOutcome } from '../entra/index.ts'
import { type Clock, toIso, toIsoDay } from '../platform/clock.ts'
import type {
  CredentialFacts,
  ExchangeOnlineAuthentication,
  OpenedCredential,
  Profile,
} from '../profiles/index.ts'
import { acquireByAny, acquireByFallback, type ChosenToken, KNOWN_END } from './fallback.ts'
import {
  acquireToken,
  endedOn,
  expectation,
  type Login,
  type MailAccessDeps,
  missingSettings,
  openStored,
  plainLogin,
  provenEnd,
  type TokenWish,
  tokenLogin,
} from './mail-access.ts'
import type { Stage } from './stage.ts'

export interface LoginProofRequest {
  profile: Profile
  wish: TokenWish
  /** Of the run before: keeps the words in which Entra proved the end of a secret. */
  lastDiagnosis: Diagnosis | null
  stage: Stage
  /** A credential to prove in place of the stored one, which is not fallen back to then. */
  credential?: OpenedCredential | undefined
}

/** The checks up to the token. Undefined when one failed. */
export async function proveLogin(
  deps: MailAccessDeps,
  request: LoginProofRequest,
): Promise<Login | undefined> {
  const { profile, stage, wish } = request
  const { authentication } = profile

  const incomplete = missingSettings(profile)
  if (incomplete !== undefined) {
    stage.fail('settingsComplete', incomplete)
    return undefined
  }
  const opened: Outcome<OpenedCredential | null> =
    request.credential === undefined
      ? await openStored(deps.profiles, profile)
      : { ok: true, value: request.credential }
  if (!opened.ok) {
    stage.fail('settingsComplete', opened.failure)
    return undefined
  }
  const credential = opened.value
  if (credential !== null) stage.learnCredential(credential)
  stage.ok('settingsComplete', describeSettings(profile))
  if (
    authentication.type !== 'exchangeOnline' ||
    credential === null ||
    credential.type === 'password'
  ) {
    return plainLogin(profile, credential)
  }
  const question = { profile, authentication, credential, wish }
  if (request.credential !== undefined) {
    if (!proveNotEnded(deps.clock, request)) return undefined
    const outcome = await acquireToken(deps, { authentication, credential, ...wish })
    return proveToken(deps, { profile, authentication, stage, token: { outcome, refused: null } })
  }
  if (!wish.patient && provenEnd(profile) !== undefined) {
    const outcome = await acquireByFallback(deps, { ...question, refused: KNOWN_END })
    if (outcome !== undefined) {
      stage.warn(
        'credentialNotEnded',
        `Microsoft Entra has said that ${nameOf(profile)} ended, so the former credential is used.`,
      )
      const token = { outcome, refused: KNOWN_END }
      return proveToken(deps, { profile, authentication, stage, token })
    }
  }
  if (!proveNotEnded(deps.clock, request)) return undefined
  const token = await acquireByAny(deps, question)
  return proveToken(deps, { profile, authentication, stage, token })
}

/**
 * Entra alone decides whether a secret has ended: a passed date that was typed in is a doubt. An end that Entra has
 * stated before stands until a person asks again.
 */
function proveNotEnded(clock: Clock, request: LoginProofRequest): boolean {
  const { profile, lastDiagnosis, stage, wish } = request
  const { credential } = profile
  const proven = provenEnd(profile)
  if (proven !== undefined && wish.patient) {
    stage.warn(
      'credentialNotEnded',
      `Microsoft Entra has said that ${nameOf(profile)} ended (recorded ${proven.detail}); it is asked again.`,
      proven,
    )
    return true
  }
  if (proven !== undefined) {
    const evidence = `Microsoft Entra has said that ${nameOf(profile)} ended (recorded ${proven.detail}).`
    if (lastDiagnosis?.code === SECRET_EXPIRED) {
      stage.failAgain('credentialNotEnded', lastDiagnosis, evidence)
    } else {
      stage.fail('credentialNotEnded', proven, { evidence })
    }
    return false
  }
  if (credential === null || credential.expiresAt === null) {
    stage.ok('credentialNotEnded', 'No end date is known.')
    return true
  }
  const { expiresAt, expirySource } = credential
  const source = SOURCES[expirySource]
  if (expiresAt > clock.now()) {
    stage.ok('credentialNotEnded', `Ends on ${toIsoDay(expiresAt)} (UTC), ${source}.`)
  } else {
    stage.warn(
      'credentialNotEnded',
      `The end date ${toIsoDay(expiresAt)} (UTC), ${source}, has passed; Microsoft Entra is asked all the same.`,
      endedOn(expiresAt),
    )
  }
  return true
}

function nameOf({ credential }: Profile): string {
  return credential?.type === 'certificate' ? 'the certificate' : 'the client secret'
}

const SOURCES: Readonly<Record<CredentialFacts['expirySource'], string>> = {
  none: 'as entered',
  typed: 'as entered',
  proven: 'as Microsoft Entra said',
  graph: 'as Microsoft Entra lists it',
  certificate: 'as the certificate says',
}

/** Code of the diagnosis of AADSTS7000222. */
export const SECRET_EXPIRED = 'secret_expired'

/** The checks of the token, with a token for the login as their fruit. */
async function proveToken(
  deps: Pick<MailAccessDeps, 'clock'>,
  request: {
    profile: Profile
    authentication: ExchangeOnlineAuthentication
    stage: Stage
    token: ChosenToken
  },
): Promise<Login | undefined> {
  const { profile, authentication, stage, token } = request
  const { outcome, refused } = token
  if (!outcome.ok) {
    recordNoToken(outcome, authentication, stage)
    return undefined
  }

  const { claims, expiresAt } = outcome.value
  const { requestMs, fromCache } = outcome.trace
  const { oid = null, tid = null, appid = null, roles: tokenRoles = [] } = claims
  stage.learnToken({ oid, tid, appid, roles: tokenRoles })
  stage.ok('entraReachable', describeWay(outcome, authentication), requestMs)
  stage.ok(
    'tokenIssued',
    `${fromCache ? 'A token of a moment ago is used' : 'A token was issued'}; it is valid until ${toIso(expiresAt)}.${refused === null ? '' : ` The new credential was refused (${refused}), so the former one was used.`}`,
    requestMs,
  )

  const expected = { ...expectation(authentication), now: deps.clock.now() }
  const wrongAudience = checkAudience(claims, expected)
  if (wrongAudience !== undefined) {
    stage.fail('tokenAudience', wrongAudience)
    return undefined
  }
  stage.ok('tokenAudience', `aud ${claims.aud}, appid ${claims.appid ?? 'not stated'}`)

  const wrongRole = checkRole(claims, expected)
  if (wrongRole !== undefined) {
    stage.fail('tokenRole', wrongRole)
    return undefined
  }
  const roles = claims.roles ?? []
  if (!authentication.applicationRbac) {
    stage.ok('tokenRole', `roles ${roles.join(', ')}`)
  } else if (roles.includes(REQUIRED_ROLE)) {
    stage.warn(
      'tokenRole',
      `The settings say that Exchange’s application RBAC grants the right, but the token carries ${REQUIRED_ROLE} too, which no scope limits. The Entra administrator removes this permission from the app registration, or the operator of Postern turns application RBAC off in the settings.`,
    )
  } else {
    stage.ok('tokenRole', 'No role in the token: application RBAC of Exchange grants the right.')
  }
  return tokenLogin(profile, outcome)
}

/** Which check a failed token request belongs to. */
function recordNoToken(
  outcome: Extract<TokenOutcome, { ok: false }>,
  authentication: ExchangeOnlineAuthentication,
  stage: Stage,
): void {
  const { failure, trace } = outcome
  const known = { durationMs: trace.requestMs }
  if (failure.source === 'transport') {
    stage.fail('entraReachable', failure, known)
  } else if (failure.source === 'settings') {
    // The request could not even be made from these settings.
    stage.fail('settingsComplete', failure)
  } else {
    stage.ok('entraReachable', describeWay(outcome, authentication), trace.requestMs)
    if (failure.source === 'claims') {
      stage.ok('tokenIssued', 'Microsoft Entra answered with a token.', trace.requestMs)
      stage.fail('tokenAudience', failure)
    } else {
      stage.fail('tokenIssued', failure, known)
    }
  }
}

function describeWay({ trace }: TokenOutcome, { cloud }: ExchangeOnlineAuthentication): string {
  const { host } = new URL(cloud.authority)
  if (trace.fromCache) return `${host} answered a moment ago and is not asked again yet.`
  const { connection } = trace
  const facts = [
    connection?.address,
    connection?.tlsProtocol,
    connection?.proxied ? 'by a proxy' : undefined,
  ].filter((fact) => typeof fact === 'string')
  return facts.length === 0 ? `${host} answered.` : `${host} answered (${facts.join(', ')}).`
}

function describeSettings(profile: Profile): string {
  const { authentication, credential, senderEmailAddress, server } = profile
  const way = `${senderEmailAddress} by ${server.host}:${server.port} (${server.security})`
  if (authentication.type === 'none') return `${way}, without a login.`
  if (authentication.type === 'basic') return `${way}, with user name and password.`
  return credential?.type === 'certificate'
    ? `${way}, with the certificate ${credential.hint}.`
    : `${way}, with the client secret ${credential?.hint ?? ''}…`
}
