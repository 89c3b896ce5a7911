import { DAY_MS, toIso } from '../platform/clock.ts'

/** Constant, so that documents and scripts may name them. They belong to nobody. */
export const INITIAL = {
  tenantId: '7c9a4e52-1b0f-4d36-9f2e-5a8d3c61e047',
  domain: 'contoso.onmicrosoft.com',
  clientId: 'd2f6b8a1-43c7-4e95-8b1d-0e7a6f9c2354',
  applicationObjectId: '3e81c5f7-9d24-4b6a-a0c3-71f5e2d8964b',
  servicePrincipalObjectId: '91b7d0e3-6a5c-4f18-b42e-c8d3f6079a15',
  secretKeyId: '58e2a9c4-0f7b-4163-8d95-b6c1e3f4a720',
  clientSecret: 'q7G8Q~vR2nXk4LwZ-bT9cYhU3mEoP6sJdF1aWbNi',
  mailbox: 'alerts@contoso.com',
  mailboxPassword: 'Winter-Gate-4711',
  errorMailbox: 'it@contoso.com',
} as const

/** Days until the initial secret ends, to the hour: inside the first reminders of an expiry watch. */
const SECRET_DAYS_LEFT = 12

/**
 * Contoso: one application that may send, one mailbox that it sends from, one that gets the alerts.
 * Only what differs from the model's defaults.
 */
export function createInitialState(now: number): unknown {
  const longAgo = toIso(now - 300 * DAY_MS)
  return {
    tenant: { id: INITIAL.tenantId, domain: INITIAL.domain, verifiedDomains: ['contoso.com'] },
    apps: {
      [INITIAL.clientId]: {
        displayName: 'Process Alerts Mail',
        objectId: INITIAL.applicationObjectId,
        secrets: {
          [INITIAL.secretKeyId]: {
            value: INITIAL.clientSecret,
            displayName: 'smtp',
            startDateTime: longAgo,
            endDateTime: toIso(now + SECRET_DAYS_LEFT * DAY_MS),
          },
        },
        servicePrincipal: { objectId: INITIAL.servicePrincipalObjectId },
        exchangeRoles: ['SMTP.SendAsApp'],
        graphRoles: ['Application.Read.All'],
      },
    },
    exchange: {
      servicePrincipals: { [INITIAL.clientId]: { objectId: INITIAL.servicePrincipalObjectId } },
    },
    mailboxes: {
      [INITIAL.mailbox]: {
        displayName: 'Process Alerts',
        password: INITIAL.mailboxPassword,
        fullAccess: { [INITIAL.clientId]: longAgo },
      },
      [INITIAL.errorMailbox]: { displayName: 'IT Operations' },
    },
    // What Entra sends to confidential clients that ask too often; Graph's may be fractional.
    entra: { retryAfterSeconds: 60 },
    graph: { retryAfterSeconds: 2.128 },
  }
}
