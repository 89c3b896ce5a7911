import type { SandboxTenant } from '../../sandbox/index.ts'

export const SANDBOX_PROFILE_ID = 'default'
export const ERROR_ADDRESS = 'it@contoso.com'
export const TEST_RECIPIENT = 'you@contoso.com'

/** The profile as this tenant lets it work. */
export function sandboxProfile(tenant: SandboxTenant) {
  const app = tenant.tenant.state().apps[tenant.clientId]
  const [secret] = Object.values(app?.secrets ?? {})
  const expiresAt = secret?.endDateTime ?? null
  return {
    id: SANDBOX_PROFILE_ID,
    senderDisplayName: 'Process Alerts',
    senderEmailAddress: tenant.mailbox,
    subjectPrefix: '[Process] ',
    errorEmailAddress: ERROR_ADDRESS,
    server: { host: tenant.smtp.host, port: tenant.smtp.port, security: 'starttls' },
    authentication: {
      type: 'exchangeOnline',
      cloud: 'custom',
      authority: tenant.authority,
      scope: tenant.exchangeScope,
      graphUrl: tenant.graphUrl,
      tenantId: tenant.tenantId,
      clientId: tenant.clientId,
      credential: { type: 'clientSecret', value: tenant.clientSecret, expiresAt },
    },
  }
}
