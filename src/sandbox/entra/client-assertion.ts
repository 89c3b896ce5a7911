import { parseInstant, SECOND_MS, toIso } from '../../platform/clock.ts'
import type { ApplicationModel, TenantModel } from '../model.ts'
import { namesCertificate, readSignedJwt } from '../signed-jwt.ts'
import { type RegisteredCertificate, readRegistered } from '../x509.ts'
import type { ErrorContext } from './error-catalogue.ts'

export interface AssertionCheck {
  assertion: string
  app: ApplicationModel
  clientId: string
  /** Addresses of the token endpoint that `aud` may name. */
  audiences: readonly string[]
  model: TenantModel
  nowMs: number
}

/** The AADSTS code that an assertion earns, with the words of its text; undefined when it is good. */
export interface AssertionProblem {
  code: number
  context: Partial<ErrorContext>
}

/**
 * https://learn.microsoft.com/entra/identity-platform/certificate-credentials. The same assertion may come again: the live service
 * keeps no list of `jti`.
 */
export function findAssertionProblem(check: AssertionCheck): AssertionProblem | undefined {
  const { app, clientId, model, nowMs } = check
  const jwt = readSignedJwt(check.assertion)
  const thumbprint = jwt?.x5t ?? jwt?.x5tS256
  if (jwt === undefined || thumbprint === undefined) return { code: 50027, context: {} }

  const by = model.entra.assertionHeader
  const registered = Object.values(app.certificates)
    .filter(({ effectiveAt }) => (parseInstant(effectiveAt) ?? 0) <= nowMs)
    .flatMap((entry) => readRegistered(entry) ?? [])
    .filter((certificate) => namesCertificate(jwt, certificate, by))
  // Registered twice, it works while one of both is valid.
  const certificate = registered.find((each) => isValid(each, nowMs)) ?? registered[0]
  if (certificate === undefined) return { code: 700027, context: { thumbprint } }
  const refuse = (reason: string) => ({
    code: 700027,
    context: {
      thumbprint: certificate.sha1,
      reason,
      start: toUsTime(certificate.startsAt),
      end: toUsTime(certificate.endsAt),
    },
  })
  if (!isValid(certificate, nowMs)) {
    return refuse(
      certificate.endsAt <= nowMs ? 'The key used is expired.' : 'The key used is not yet valid.',
    )
  }
  if (!jwt.isSignedBy(certificate.publicKey)) {
    return refuse('The provided signature value did not match the expected signature value.')
  }

  const { aud, iss, sub, nbf, exp } = jwt.claims
  const isSelf = [iss, sub].every((name) => isSame(name, clientId))
  if (!isSelf || !check.audiences.some((audience) => isSame(aud, audience))) {
    return { code: 50012, context: {} }
  }
  const from = instantOf(nbf)
  const to = instantOf(exp)
  if (to !== undefined && nowMs < to && (from ?? nowMs) <= nowMs) return undefined
  return { code: 700024, context: { start: toTicks(from ?? nowMs), end: toTicks(to ?? nowMs) } }
}

function isValid({ startsAt, endsAt }: RegisteredCertificate, nowMs: number): boolean {
  return startsAt <= nowMs && nowMs < endsAt
}

function isSame(value: unknown, wanted: string): boolean {
  return typeof value === 'string' && value.toLowerCase() === wanted.toLowerCase()
}

/** RFC 7519 §2: seconds; more than JavaScript's instants can hold counts as none. */
function instantOf(value: unknown): number | undefined {
  return typeof value === 'number' && Math.abs(value) <= 8_640_000_000_000
    ? value * SECOND_MS
    : undefined
}

/** `2026-01-31T10:11:12.1230000Z` */
function toTicks(at: number): string {
  return toIso(at).replace('Z', '0000Z')
}

/** `01/31/2026 10:11:12` */
function toUsTime(at: number): string {
  const [, year, month, day, time] = /^(.+?)-(\d\d)-(\d\d)T([\d:]{8})/.exec(toIso(at)) ?? []
  return `${month}/${day}/${year} ${time}`
}
