import type { Row } from '../row.ts'
import { NEW_SECRET, OPEN_CREDENTIALS } from './commands.ts'

/**
 * Entra refuses the secret or certificate. Codes: Microsoft, "Microsoft Entra authentication and authorization
 * error codes". A new secret or certificate works after seconds to 10 minutes.
 */
export const TOKEN_CREDENTIAL_ROWS: readonly Row[] = [
  {
    row: 4,
    code: 'secret_wrong',
    match: [{ source: 'entra', codes: [7000215] }],
    summary: 'Microsoft Entra does not accept the client secret.',
    cause:
      'Most often the secret ID was copied instead of the secret value. Else the secret belongs to another app registration, was deleted, or was copied incompletely.',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator creates a new client secret and copies its Value (not the Secret ID); then it is entered in Postern.',
    commands: [OPEN_CREDENTIALS, NEW_SECRET],
    retry: 'never',
    propagationMinutes: 10,
    guideStep: 'client-secret',
  },
  {
    row: 5,
    code: 'secret_expired',
    match: [{ source: 'entra', codes: [7000222] }],
    summary: 'The client secret has expired.',
    cause: 'Microsoft Entra says that the end date of the client secret has passed.',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator creates a new client secret and copies its Value; then it is entered in Postern with its end date, so that Postern warns in time.',
    commands: [OPEN_CREDENTIALS, NEW_SECRET],
    retry: 'never',
    guideStep: 'client-secret',
  },
  {
    row: 6,
    code: 'credential_missing',
    match: [{ source: 'entra', codes: [7000216, 7000218, 900144, 90014] }],
    summary: 'The token request came to Microsoft Entra without all its fields.',
    cause: 'The client secret or certificate is empty, or a proxy changed the request.',
    responsible: 'operator',
    remedy:
      'The operator of Postern enters the client secret or certificate again; if it fails again, the network team checks whether a proxy changes the request.',
    commands: [],
    retry: 'never',
    guideStep: 'email-settings',
  },
  {
    row: 7,
    code: 'certificate_not_registered',
    match: [
      {
        source: 'entra',
        codes: [700027],
        fragments: ['not registered', 'key was not found'],
      },
    ],
    summary: 'Microsoft Entra does not know the certificate that Postern signs with.',
    cause:
      'The public certificate was not uploaded, was uploaded to another app registration, or was uploaded a moment ago.',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator uploads the public certificate with the SHA-1 thumbprint {thumbprint} to the app registration {clientId}.',
    commands: [OPEN_CREDENTIALS],
    retry: 'never',
    propagationMinutes: 10,
    guideStep: 'client-secret',
  },
  {
    row: 8,
    code: 'certificate_ended_in_entra',
    match: [{ source: 'entra', codes: [700027], fragments: ['expired'] }],
    summary: 'The certificate that is registered in Microsoft Entra has expired.',
    cause: 'The end date of the registered certificate has passed.',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator uploads a new certificate to the app registration; then certificate and private key are entered in Postern.',
    commands: [OPEN_CREDENTIALS],
    retry: 'never',
    guideStep: 'client-secret',
  },
  {
    row: 9,
    code: 'clock_wrong',
    match: [{ source: 'entra', codes: [700024] }],
    summary: 'The clock of this machine differs too much from Microsoft’s clock.',
    cause:
      'A signed token request is valid for minutes only. Microsoft’s time stands in the answer.',
    responsible: 'operator',
    remedy: 'The operator of Postern synchronises the clock of this machine (NTP).',
    commands: [{ shell: 'bash', text: 'timedatectl status' }],
    retry: 'transient',
    guideStep: null,
  },
  {
    row: null,
    code: 'certificate_signature_refused',
    match: [{ source: 'entra', codes: [700027, 50027, 700030, 50012] }],
    summary: 'Microsoft Entra does not accept the signature made with the certificate.',
    cause:
      'The private key does not belong to the registered certificate, or the certificate is of a wrong kind.',
    responsible: 'operator',
    remedy:
      'The operator of Postern enters certificate and private key again: they must belong together, with an RSA key of 2048 bits or more, and the same certificate must stand in the app registration.',
    commands: [OPEN_CREDENTIALS],
    retry: 'never',
    guideStep: 'client-secret',
  },
  {
    row: null,
    code: 'application_is_public_client',
    match: [{ source: 'entra', codes: [700025] }],
    summary: 'The app registration is set up as a public client and may not use a secret.',
    cause:
      'In the app registration, “Allow public client flows” or the platform is set for a desktop or mobile app.',
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator turns “Allow public client flows” off in the app registration, under Authentication.',
    commands: [],
    retry: 'never',
    guideStep: 'app-registration',
  },
]
