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
    causes: [
      'The secret’s ID was copied instead of its Value.',
      'The secret belongs to another app registration.',
      'The Value was copied incompletely or was changed on its way.',
      'The secret was deleted from the app registration.',
    ],
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator creates a new client secret and copies its Value (not the Secret ID); then it is entered in Postern.',
    commands: [OPEN_CREDENTIALS, NEW_SECRET],
    retry: 'never',
    propagationMinutes: 10,
    guideStep: 'client-secret',
    variants: [
      {
        when: { secretLooksLikeId: true },
        summary:
          'Microsoft Entra does not accept the client secret: what is stored looks like the Secret ID, not like the Value.',
        causes: [
          'The secret’s ID was entered instead of its Value: what is stored has the form of an ID.',
        ],
        remedy:
          'The Entra administrator copies the Value of the client secret (not the Secret ID); the portal shows it only once, so if it is gone, a new secret is created. Then it is entered in Postern.',
      },
      {
        when: { storedSecret: 'missing' },
        summary:
          'Microsoft Entra does not accept the client secret: it was deleted from the app registration.',
        causes: ['The secret was deleted: the app registration does not list it any more.'],
      },
      {
        when: { workedBefore: true, storedSecret: 'hintMismatch' },
        summary:
          'Microsoft Entra no longer accepts the client secret: it was deleted from the app registration.',
        causes: [
          'The secret was deleted: the app registration lists none that begins like the stored one.',
        ],
      },
      {
        when: { storedSecret: 'hintMismatch' },
        causes: [
          'The secret belongs to another app registration: the app registration {clientId} lists none that begins like the stored one.',
          'The secret was deleted from the app registration.',
        ],
      },
      {
        when: { workedBefore: true, storedSecret: 'listed' },
        causes: [
          'The stored secret was deleted, and another one that begins like it is still listed.',
          'Microsoft’s sign-in service does not know the secret for a time.',
        ],
      },
      {
        when: { workedBefore: true },
        summary:
          'Microsoft Entra no longer accepts the client secret; it worked until {workedUntil}.',
        causes: [
          'The secret was removed from the app registration.',
          'All secrets of the app registration were replaced, for example by “az ad app credential reset” without --append.',
        ],
        remedy:
          'The Entra administrator looks into the audit log of the app registration for who removed the secret, creates a new client secret and copies its Value; then it is entered in Postern.',
      },
      {
        when: { storedSecret: 'listed' },
        causes: [
          'The Value was copied incompletely or was changed on its way: the app registration lists a secret that begins like it.',
          'The secret was made a moment ago and Microsoft is still spreading it.',
        ],
      },
    ],
  },
  {
    row: 5,
    code: 'secret_expired',
    match: [{ source: 'entra', codes: [7000222] }],
    summary: 'The client secret has expired.',
    causes: ['The end date of the client secret has passed, as Microsoft Entra itself says.'],
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
    causes: ['The client secret or certificate is empty.', 'A proxy changed the request.'],
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
    causes: [
      'The public certificate was not uploaded to the app registration.',
      'It was uploaded to another app registration.',
      'It was uploaded a moment ago and Microsoft is still spreading it.',
    ],
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator uploads the public certificate with the SHA-1 thumbprint {thumbprint} to the app registration {clientId}.',
    commands: [OPEN_CREDENTIALS],
    retry: 'never',
    propagationMinutes: 10,
    guideStep: 'client-secret',
    variants: [
      {
        when: { workedBefore: true },
        summary:
          'Microsoft Entra no longer knows the certificate that Postern signs with; it worked until {workedUntil}.',
        causes: [
          'The certificate was removed from the app registration.',
          'The certificates of the app registration were replaced by a script or by another program.',
        ],
      },
    ],
  },
  {
    row: 8,
    code: 'certificate_ended_in_entra',
    match: [{ source: 'entra', codes: [700027], fragments: ['expired'] }],
    summary: 'The certificate that is registered in Microsoft Entra has expired.',
    causes: ['The end date of the registered certificate has passed.'],
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
    causes: [
      'The clock of this machine runs ahead or behind.',
      'A virtual machine was paused and its clock was not set right again.',
    ],
    note: 'A signed token request is valid for minutes only. Microsoft’s time stands in the answer.',
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
    causes: [
      'The private key does not belong to the registered certificate.',
      'The certificate is of a wrong kind.',
    ],
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
    causes: [
      'In the app registration, “Allow public client flows” is on.',
      'The platform of the app registration is set for a desktop or mobile app.',
    ],
    responsible: 'entraAdministrator',
    remedy:
      'The Entra administrator turns “Allow public client flows” off in the app registration, under Authentication.',
    commands: [],
    retry: 'never',
    guideStep: 'app-registration',
  },
]
