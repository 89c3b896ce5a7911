import { randomInt } from 'node:crypto'
import { randomToken } from '../../platform/ids.ts'
import type { TenantModel } from '../model.ts'
import type { Grant } from './token-request.ts'

/** Directory role of every application token. */
const DEFAULT_WIDS = '0997a1d0-0d1d-4acb-b408-d5ca73121e90'

/** Issued tokens count from five minutes ago, which forgives slow clocks. */
const BACKDATED_SECONDS = 300

/** Microsoft: "a random value ranging between 60-90 minutes (75 minutes on average)". */
export function chooseLifetimeSeconds(model: TenantModel): number {
  const { tokenLifetimeSeconds } = model.entra
  return tokenLifetimeSeconds === 'random' ? randomInt(3600, 5401) : tokenLifetimeSeconds
}

/** An application's access token in the v1.0 form that Exchange and Graph ask for. */
export function buildClaims(options: {
  model: TenantModel
  grant: Grant
  nowMs: number
  lifetimeSeconds: number
}): Record<string, unknown> {
  const { model, grant, lifetimeSeconds } = options
  const isExchange = grant.resourceKind === 'exchange'
  const ageSeconds = isExchange ? model.entra.tokenAgeSeconds : 0
  const issuedAt = Math.floor(options.nowMs / 1_000) - ageSeconds
  const audience = isExchange ? (model.entra.audience ?? grant.resource) : grant.resource
  const roles = isExchange ? grant.app.exchangeRoles : grant.app.graphRoles
  const identity =
    isExchange && model.entra.delegated
      ? { idtyp: 'user', scp: 'SMTP.Send', upn: Object.keys(model.mailboxes)[0] ?? '' }
      : { idtyp: 'app', ...(roles.length > 0 && { roles }) }
  const { objectId } = grant.app.servicePrincipal
  return {
    aud: audience,
    iss: `https://sts.windows.net/${model.tenant.id}/`,
    iat: issuedAt - BACKDATED_SECONDS,
    nbf: issuedAt - BACKDATED_SECONDS,
    exp: issuedAt + lifetimeSeconds,
    aio: randomToken(36),
    app_displayname: grant.app.displayName,
    appid: isExchange ? (model.entra.appId ?? grant.clientId) : grant.clientId,
    appidacr: grant.credential === 'certificate' ? '2' : '1',
    idp: `https://sts.windows.net/${model.tenant.id}/`,
    oid: objectId,
    rh: `1.${randomToken(24)}.`,
    sub: objectId,
    tid: model.tenant.id,
    uti: randomToken(16),
    ver: '1.0',
    wids: [DEFAULT_WIDS],
    ...identity,
    ...(model.entra.paddingBytes > 0 && { xms_pad: 'x'.repeat(model.entra.paddingBytes) }),
  }
}
