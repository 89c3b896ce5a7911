import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { HOUR_MS } from '../../../src/platform/clock.ts'
import { codeOf } from '../../../src/platform/errors.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { startTestTenant, type TestTenant } from './harness.ts'

let t: TestTenant
let token: string
beforeAll(async () => {
  t = await startTestTenant()
  token = await t.graphToken()
})
afterAll(() => t[Symbol.asyncDispose]())
beforeEach(() => {
  t.sandbox.tenant.reset()
  t.clock.set(FAKE_NOW)
})

const get = (path: string, bearer = token) =>
  t.call(`${t.sandbox.graphUrl}/v1.0${path}`, { headers: { authorization: `Bearer ${bearer}` } })
const app = () => t.sandbox.tenant.state().apps[t.sandbox.clientId]

describe('an application', () => {
  const SELECT = '$select=id,appId,displayName,passwordCredentials,keyCredentials'

  it('is read by client id, with the end of its secret and never its value', async () => {
    const answer = await get(`/applications(appId='${t.sandbox.clientId}')?${SELECT}`)
    expect(answer.status).toBe(200)
    expect(answer.headers['content-type']).toMatch(/^application\/json;odata\.metadata=minimal/)
    expect(answer.json()).toEqual({
      '@odata.context': `${t.sandbox.graphUrl}/v1.0/$metadata#applications(id,appId,displayName,passwordCredentials,keyCredentials)/$entity`,
      id: app()?.objectId,
      appId: t.sandbox.clientId,
      displayName: 'Process Alerts Mail',
      passwordCredentials: [
        {
          customKeyIdentifier: null,
          displayName: 'smtp',
          endDateTime: '2026-12-05T10:00:00Z',
          hint: t.sandbox.clientSecret.slice(0, 3),
          keyId: Object.keys(app()?.secrets ?? {})[0],
          secretText: null,
          startDateTime: '2026-01-27T10:00:00Z',
        },
      ],
      keyCredentials: [],
    })
    expect(answer.text).not.toContain(t.sandbox.clientSecret)
  })

  it('is read by object id and by filter, which is a list', async () => {
    const one = await get(`/applications/${app()?.objectId}?$select=appId`)
    expect(one.json()['appId']).toBe(t.sandbox.clientId)
    const filter = encodeURIComponent(`appId eq '${t.sandbox.clientId}'`)
    const list = await get(`/applications?%24filter=${filter}&$select=id`)
    expect(list.json()).toEqual({
      '@odata.context': `${t.sandbox.graphUrl}/v1.0/$metadata#applications(id)`,
      value: [{ id: app()?.objectId }],
    })
    const none = await get(`/applications?$filter=${encodeURIComponent("appId eq 'x'")}`)
    expect(none.json()['value']).toEqual([])
  })

  it('shows fractions of a second with seven decimals', async () => {
    const keyId = Object.keys(app()?.secrets ?? {})[0] ?? ''
    t.sandbox.tenant.patch({
      apps: {
        [t.sandbox.clientId]: { secrets: { [keyId]: { endDateTime: '2027-01-31T10:11:12.308Z' } } },
      },
    })
    const answer = await get(`/applications(appId='${t.sandbox.clientId}')`)
    expect(answer.text).toContain('"endDateTime":"2027-01-31T10:11:12.3080000Z"')
  })

  it('that does not exist is 404 with the exact error', async () => {
    const answer = await get("/applications(appId='11111111-2222-4333-8444-555555555555')")
    expect(answer.status).toBe(404)
    expect(answer.json()).toEqual({
      error: {
        code: 'Request_ResourceNotFound',
        message:
          "Resource '11111111-2222-4333-8444-555555555555' does not exist or one of its queried reference-property objects are not present.",
        innerError: {
          date: '2026-11-23T10:00:00',
          'request-id': answer.headers['request-id'],
          'client-request-id': answer.headers['client-request-id'],
        },
      },
    })
  })

  it.each([
    ['/applications?$select=nonsense', 400, 'BadRequest'],
    ['/applications?$filter=nonsense', 400, 'Request_UnsupportedQuery'],
    ['/nonsense', 400, 'BadRequest'],
    ["/applications(appId='constructor')", 404, 'Request_ResourceNotFound'],
  ])('query %s is refused with %i %s', async (path, status, code) => {
    const answer = await get(path)
    expect(answer.status).toBe(status)
    expect(answer.json()['error']).toMatchObject({ code })
  })
})

describe('a service principal', () => {
  it('shows whether it is enabled, and is absent when it was never made', async () => {
    const path = `/servicePrincipals(appId='${t.sandbox.clientId}')?$select=id,appId,accountEnabled,appOwnerOrganizationId`
    t.sandbox.tenant.patch({
      apps: { [t.sandbox.clientId]: { servicePrincipal: { enabled: false } } },
    })
    expect((await get(path)).json()).toMatchObject({
      id: app()?.servicePrincipal.objectId,
      accountEnabled: false,
      appOwnerOrganizationId: t.sandbox.tenantId,
    })
    t.sandbox.tenant.patch({
      apps: { [t.sandbox.clientId]: { servicePrincipal: { exists: false } } },
    })
    expect((await get(path)).status).toBe(404)
  })

  it('has an assignment for the role SMTP.SendAsApp of Exchange exactly when it is consented', async () => {
    const exchange = (
      await get(
        "/servicePrincipals(appId='00000002-0000-0ff1-ce00-000000000000')?$select=id,appRoles",
      )
    ).json()
    const role = JSON.parse(JSON.stringify(exchange['appRoles'])).find(
      ({ value }: { value: string }) => value === 'SMTP.SendAsApp',
    )
    const path = `/servicePrincipals/${app()?.servicePrincipal.objectId}/appRoleAssignments`
    const assignments = () => get(path).then((answer) => answer.json()['value'])
    const consented = expect.objectContaining({
      appRoleId: role.id,
      resourceId: exchange['id'],
      resourceDisplayName: 'Office 365 Exchange Online',
      principalType: 'ServicePrincipal',
      principalId: app()?.servicePrincipal.objectId,
    })
    expect(await assignments()).toContainEqual(consented)
    t.sandbox.tenant.patch({ apps: { [t.sandbox.clientId]: { exchangeRoles: [] } } })
    expect(await assignments()).not.toContainEqual(consented)
  })
})

describe('a bearer', () => {
  const path = () => `/applications(appId='${t.sandbox.clientId}')`
  const errorOf = async (bearer: string) => {
    const answer = await get(path(), bearer)
    return [answer.status, answer.json()['error']]
  }

  it('without a token, with another text or with a token for Exchange is not authenticated', async () => {
    const none = await t.call(`${t.sandbox.graphUrl}/v1.0${path()}`)
    expect(none.status).toBe(401)
    expect(none.headers['www-authenticate']).toContain('Bearer')
    const code = 'InvalidAuthenticationToken'
    expect(none.json()['error']).toMatchObject({ code, message: 'Access token is empty.' })
    expect(await errorOf('nonsense')).toEqual([
      401,
      expect.objectContaining({
        code,
        message: 'CompactToken parsing failed with error code: 80049217',
      }),
    ])
    const exchange = String((await t.requestToken()).json()['access_token'])
    expect(await errorOf(exchange)).toEqual([401, expect.objectContaining({ code })])
  })

  it('with an ended token is not authenticated', async () => {
    t.clock.set(FAKE_NOW + 2 * HOUR_MS)
    expect(await errorOf(token)).toEqual([
      401,
      expect.objectContaining({ message: 'Access token has expired or is not yet valid.' }),
    ])
  })

  it('without a permission is forbidden', async () => {
    t.sandbox.tenant.patch({ apps: { [t.sandbox.clientId]: { graphRoles: [] } } })
    expect(await errorOf(await t.graphToken())).toEqual([
      403,
      expect.objectContaining({
        code: 'Authorization_RequestDenied',
        message: 'Insufficient privileges to complete the operation.',
      }),
    ])
  })

  it('with ReadWrite.OwnedBy reads its own application only', async () => {
    t.sandbox.tenant.patch({
      apps: {
        [t.sandbox.clientId]: { graphRoles: ['Application.ReadWrite.OwnedBy'] },
        other: { objectId: 'o', servicePrincipal: { objectId: 's' } },
      },
    })
    const own = await t.graphToken()
    expect((await get(path(), own)).status).toBe(200)
    expect((await get("/applications(appId='other')", own)).status).toBe(403)
  })

  it('may ask for Graph by this tenant’s own address of it', async () => {
    const answer = await t.requestToken({ scope: `${t.sandbox.graphUrl}/.default` })
    expect((await get(path(), String(answer.json()['access_token']))).status).toBe(200)
  })
})

describe('a fault of Graph', () => {
  const patchGraph = (graph: object) => t.sandbox.tenant.patch({ graph })

  it('throttled is 429 with a fractional Retry-After', async () => {
    patchGraph({ fault: 'throttled' })
    const answer = await get('/applications')
    expect(answer.status).toBe(429)
    expect(answer.headers['retry-after']).toBe('2.128')
    expect(answer.json()['error']).toMatchObject({
      code: 'TooManyRequests',
      innerError: { code: '429', message: 'Please retry after', status: '429' },
      message: 'Please retry again later.',
    })
  })

  it('html and refuse leave Entra as it is', async () => {
    patchGraph({ fault: 'html' })
    expect((await get('/applications')).status).toBe(502)
    patchGraph({ fault: 'refuse' })
    await expect(get('/applications')).rejects.toSatisfy(
      (error: unknown) => codeOf(error) === 'ECONNREFUSED',
    )
    expect((await t.requestToken()).status).toBe(200)
    patchGraph({ fault: 'none' })
    expect((await get('/applications')).status).toBe(200)
  })
})
