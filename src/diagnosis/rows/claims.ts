import type { Row } from '../row.ts'
import { OPEN_API_PERMISSIONS, OPEN_OVERVIEW } from './commands.ts'

/** Entra gave a token that Exchange Online would refuse without saying why. */
export const CLAIMS_ROWS: readonly Row[] = [
  {
    row: 24,
    code: 'audience_wrong',
    match: [{ source: 'claims', problems: ['audience'] }],
    summary: 'The token is not for Exchange Online.',
    cause: 'It was asked for with the scope of another service or cloud. Detail: {detail}',
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
    cause:
      'The application permission SMTP.SendAsApp was not added, the admin consent is missing, or it was added as a delegated permission or for Microsoft Graph. Detail: {detail}',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator adds Office 365 Exchange Online, Application permissions, SMTP.SendAsApp to the app registration and grants admin consent.',
    commands: [
      OPEN_API_PERMISSIONS,
      {
        shell: 'bash',
        // Microsoft: the application ID of Office 365 Exchange Online, and the ID of its role SMTP.SendAsApp.
        text: 'az ad app permission add --id {clientId} --api 00000002-0000-0ff1-ce00-000000000000 --api-permissions 7146a1f0-8703-45b3-9eae-527a64c00995=Role',
      },
      { shell: 'bash', text: 'az ad app permission admin-consent --id {clientId}' },
    ],
    retry: 'never',
    propagationMinutes: 10,
    guideStep: 'admin-consent',
  },
  {
    row: 26,
    code: 'token_is_delegated',
    match: [{ source: 'claims', problems: ['delegated'] }],
    summary: 'The token belongs to a user, not to the application.',
    cause: 'It was got with a delegated permission. Detail: {detail}',
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
    cause: 'A proxy or a custom cloud answers for another application. Detail: {detail}',
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
    cause: 'The clock of this machine is probably wrong. Detail: {detail}',
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
    cause:
      'Postern cannot look into it, so it cannot say whether Exchange Online would take it. Detail: {detail}',
    responsible: 'operator',
    remedy:
      'Postern tries again by itself. If it goes on, the operator of Postern checks which server gives the token.',
    commands: [],
    retry: 'transient',
    guideStep: null,
  },
]
