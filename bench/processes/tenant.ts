// A simulated tenant with as many applications and mailboxes as the argument says, each for one profile.
import { systemClock } from '../../src/platform/clock.ts'
import { startSandboxTenant } from '../../src/sandbox/index.ts'
import { guid, profileId, secretValue } from '../data-folder.ts'

const count = Number(process.argv[2])
const indices = Array.from({ length: count }, (_, index) => index)
const SINCE = '2020-01-01T00:00:00.000Z'
const UNTIL = '2099-01-01T00:00:00.000Z'
const objectId = (index: number) =>
  `91b7d0e3-6a5c-4f18-b42e-${index.toString(16).padStart(12, '0')}`

function record<Value>(entry: (index: number) => readonly [string, Value]): Record<string, Value> {
  return Object.fromEntries(indices.map(entry))
}

const tenant = await startSandboxTenant({
  clock: systemClock,
  seed: {
    apps: record((index) => [
      guid(index),
      {
        displayName: `Application ${index}`,
        objectId: guid(index),
        secrets: { [guid(index)]: { value: secretValue(index), endDateTime: UNTIL } },
        servicePrincipal: { objectId: objectId(index) },
        exchangeRoles: ['SMTP.SendAsApp'],
      },
    ]),
    exchange: {
      servicePrincipals: record((index) => [guid(index), { objectId: objectId(index) }]),
    },
    mailboxes: record((index) => [
      `${profileId(index)}@contoso.com`,
      { fullAccess: { [guid(index)]: SINCE } },
    ]),
  },
})

const { authority, graphUrl, controlUrl, smtp, caPem, tenantId, exchangeScope } = tenant
process.stdout.write(
  `${JSON.stringify({ authority, graphUrl, controlUrl, smtp, caPem, tenantId, exchangeScope })}\n`,
)
