import type { Row } from '../row.ts'
import { NEW_SECRET, OPEN_CREDENTIALS } from './commands.ts'

export const SETTINGS_ROWS: readonly Row[] = [
  {
    row: null,
    code: 'settings_incomplete',
    match: [{ source: 'settings', problems: ['incomplete'] }],
    summary: 'The email settings cannot work as they are.',
    causes: ['A field that this type of authentication needs is empty or cannot be used.'],
    note: 'Detail: {detail}',
    responsible: 'operator',
    remedy: 'The operator of Postern corrects the fields and saves the settings.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: null,
    code: 'secret_unreadable',
    match: [{ source: 'settings', problems: ['secret_unreadable'] }],
    summary: 'The stored secret cannot be read with the master key that Postern has now.',
    causes: [
      'The master key was replaced or lost.',
      'The database comes from another installation.',
    ],
    note: 'Detail: {detail}',
    responsible: 'operator',
    remedy:
      'The operator of Postern puts the old master key back, or enters the secret again in the email settings.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: null,
    code: 'credential_ended',
    match: [{ source: 'settings', problems: ['credential_ended'] }],
    summary: 'The client secret or certificate ended on {detail}.',
    causes: ['Its end date has passed.'],
    note: 'This is the end date in the settings. Microsoft refuses a credential after its end.',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator creates a new client secret or certificate in the app registration; then it is entered in Postern with its end date. If Microsoft’s end date is later, correct the date in Postern.',
    commands: [OPEN_CREDENTIALS, NEW_SECRET],
    retry: 'never',
    guideStep: 'client-secret',
  },
  // The network reports it, a setting is the reason: searched before the rows about the network.
  {
    row: 2,
    code: 'smtp_port_465',
    match: [
      {
        source: 'transport',
        peers: ['smtp'],
        phases: ['connect', 'timeout', 'tls', 'closed', 'protocol'],
        given: { port: 465, exchangeOnline: true },
      },
    ],
    summary: 'Exchange Online does not offer SMTP on port 465.',
    causes: ['The port in the server details is 465.'],
    note: 'Exchange Online takes mail on port 587 with STARTTLS, not on port 465.',
    responsible: 'operator',
    remedy: 'The operator of Postern sets port 587 and STARTTLS in the server details.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
]
