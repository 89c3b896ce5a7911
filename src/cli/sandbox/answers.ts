import { type Static, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { Alert } from '../../alerts/index.ts'
import { RelayClientSaved, RelayClientView } from '../../relay/index.ts'

/** The few members of the API's answers that the tour tells about. */
const ReportAnswer = Type.Object({
  checks: Type.Array(
    Type.Object({ title: Type.String(), outcome: Type.String(), evidence: Type.String() }),
  ),
})
const TestEmailAnswer = Type.Object({ reply: Type.String() })
const AlertsAnswer = Type.Object({ alerts: Type.Array(Alert) })
const RelayClientsAnswer = Type.Object({ clients: Type.Array(RelayClientView) })

function reader<Schema extends TSchema>(schema: Schema): (body: unknown) => Static<Schema> {
  return (body) => Value.Parse(schema, body)
}

export const readReport = reader(ReportAnswer)
export const readTestEmail = reader(TestEmailAnswer)
export const readSavedRelayClient = reader(RelayClientSaved)
export const readRelayClients = (body: unknown) => Value.Parse(RelayClientsAnswer, body).clients
export const readAlerts = (body: unknown) => Value.Parse(AlertsAnswer, body).alerts
