import { afterAll, beforeAll, expect, it } from 'vitest'
import { startTestTenant, type TestTenant } from './harness.ts'

let t: TestTenant
beforeAll(async () => {
  t = await startTestTenant()
})
afterAll(() => t[Symbol.asyncDispose]())

const CONFIGURATION = 'v2.0/.well-known/openid-configuration'

it('describes its endpoints under the name by which it was called', async () => {
  for (const origin of [
    t.sandbox.authority,
    t.sandbox.authority.replace('localhost', '127.0.0.1'),
  ]) {
    const answer = await t.call(`${origin}/contoso.com/${CONFIGURATION}`)
    expect(answer.status).toBe(200)
    expect(answer.json()).toMatchObject({
      issuer: `${origin}/${t.sandbox.tenantId}/v2.0`,
      token_endpoint: `${origin}/${t.sandbox.tenantId}/oauth2/v2.0/token`,
      jwks_uri: `${origin}/${t.sandbox.tenantId}/discovery/v2.0/keys`,
      authorization_endpoint: `${origin}/${t.sandbox.tenantId}/oauth2/v2.0/authorize`,
    })
  }
})

it('says invalid_tenant for a tenant that it does not know', async () => {
  const answer = await t.call(`${t.sandbox.authority}/fabrikam.com/${CONFIGURATION}`)
  expect(answer.status).toBe(400)
  expect(answer.json()).toMatchObject({ error: 'invalid_tenant', error_codes: [90002] })
})

it('answers instance discovery with itself as the one host of its cloud', async () => {
  const { authority, tenantId } = t.sandbox
  const { host } = new URL(authority)
  const answer = await t.call(`${authority}/common/discovery/instance?api-version=1.1`)
  expect(answer.json()).toEqual({
    tenant_discovery_endpoint: `${authority}/${tenantId}/${CONFIGURATION}`,
    'api-version': '1.1',
    metadata: [{ preferred_network: host, preferred_cache: host, aliases: [host] }],
  })
})

it('grants SMTP.SendAsApp on the admin consent page, with the name escaped', async () => {
  const { authority, tenantId, clientId, tenant } = t.sandbox
  tenant.patch({
    apps: {
      [clientId]: {
        displayName: '<script>',
        exchangeRoles: [],
        servicePrincipal: { exists: false },
      },
    },
  })
  const url = `${authority}/${tenantId}/v2.0/adminconsent?client_id=${clientId}`
  const page = await t.call(url)
  expect(page.text).toContain('&lt;script&gt;')
  expect(tenant.state().apps[clientId]?.exchangeRoles).toEqual([])
  await t.call(url, { method: 'POST' })
  expect(tenant.state().apps[clientId]).toMatchObject({
    exchangeRoles: ['SMTP.SendAsApp'],
    servicePrincipal: { exists: true },
  })
})

it('survives odd paths and bodies that are too large', async () => {
  const { authority } = t.sandbox
  expect((await t.call(`${authority}/`)).status).toBe(404)
  expect((await t.call(`${authority}/%E0%A4%A/oauth2/v2.0/token`, { method: 'POST' })).status).toBe(
    400,
  )
  const large = await t.call(`${authority}/x/oauth2/v2.0/token`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: `a=${'x'.repeat(100_000)}`,
  })
  expect(large.status).toBe(413)
})
