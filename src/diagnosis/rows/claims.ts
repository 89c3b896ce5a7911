import type { Row } from '../row.ts'
import {
  ADD_SEND_PERMISSION,
  GRANT_ADMIN_CONSENT,
  OPEN_API_PERMISSIONS,
  OPEN_OVERVIEW,
} from './commands.ts'

/** Entra gave a token that Exchange Online would refuse without saying why. */
export const CLAIMS_ROWS: readonly Row[] = [
  {
    row: 24,
    code: 'audience_wrong',
    match: [{ source: 'claims', problems: ['audience'] }],
    summary: 'The token is not for Exchange Online.',
    causes: [
      'The scope in the settings is that of another service.',
      'The cloud in the settings is wrong.',
    ],
    note: 'Detail: {detail}',
    responsible: 'operator',
    remedy:
      'The operator of Postern corrects the cloud or the custom scope. For the worldwide cloud it is https://outlook.office365.com/.default.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: 25,
    code: 'role_missing',
    match: [{ source: 'claims', problems: ['role_missing'] }],
    summary: 'The token does not hold the permission SMTP.SendAsApp.',
    causes: [
      'The admin consent is missing.',
      'The application permission SMTP.SendAsApp was not added.',
      'It was added as a delegated permission.',
      'It was added for Microsoft Graph instead of Office 365 Exchange Online.',
    ],
    note: 'Detail: {detail}',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator adds Office 365 Exchange Online, Application permissions, SMTP.SendAsApp to the app registration and grants admin consent.',
    commands: [OPEN_API_PERMISSIONS, ADD_SEND_PERMISSION, GRANT_ADMIN_CONSENT],
    retry: 'never',
    propagationMinutes: 10,
    guideStep: 'admin-consent',
    variants: [
      {
        when: { workedBefore: true },
        summary:
          'The token no longer holds the permission SMTP.SendAsApp; it did until {workedUntil}.',
        causes: [
          'The admin consent was withdrawn.',
          'The permission was removed from the app registration or the enterprise application.',
        ],
        remedy:
          'The Entra administrator looks into the audit log for who withdrew it, and grants admin consent for SMTP.SendAsApp again.',
      },
    ],
  },
  {
    row: 26,
    code: 'token_is_delegated',
    match: [{ source: 'claims', problems: ['delegated'] }],
    summary: 'The token belongs to a user, not to the application.',
    causes: [
      'The permission was added as a delegated permission, and the token was got for a user.',
    ],
    note: 'Detail: {detail}',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator adds SMTP.SendAsApp as an application permission; delegated permissions do not work here.',
    commands: [OPEN_API_PERMISSIONS],
    retry: 'never',
    guideStep: 'api-permissions',
  },
  {
    row: null,
    code: 'token_of_other_application',
    match: [{ source: 'claims', problems: ['other_application'] }],
    summary: 'The token belongs to another application or tenant than the settings name.',
    causes: ['A proxy or a custom cloud answers for another application.'],
    note: 'Detail: {detail}',
    responsible: 'operator',
    remedy:
      'The operator of Postern compares the Application (client) ID and the Directory (tenant) ID with the Overview page of the app registration.',
    commands: [OPEN_OVERVIEW],
    retry: 'never',
    guideStep: 'app-registration',
  },
  {
    row: null,
    code: 'token_already_ended',
    match: [{ source: 'claims', problems: ['expired'] }],
    summary: 'A token came whose time is already over.',
    causes: ['The clock of this machine is wrong.'],
    note: 'Detail: {detail}',
    responsible: 'operator',
    remedy: 'The operator of Postern synchronises the clock of this machine (NTP).',
    commands: [{ shell: 'bash', text: 'timedatectl status' }],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'token_unreadable',
    match: [{ source: 'claims', problems: ['unreadable'] }],
    summary: 'The token that came cannot be read.',
    causes: [
      'The server that gives the token is not Microsoft Entra.',
      'Microsoft has changed the form of its tokens.',
    ],
    note: 'Postern cannot look into it, so it cannot say whether Exchange Online would take it. Detail: {detail}',
    responsible: 'operator',
    remedy:
      'Postern tries again by itself. If it goes on, the operator of Postern checks which server gives the token.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
]
