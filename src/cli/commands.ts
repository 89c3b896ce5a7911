import type { CommandSpec, OptionSpec } from './command.ts'

const JSON_OPTION: OptionSpec = { type: 'boolean', description: 'Print JSON' }

export const COMMANDS: readonly CommandSpec[] = [
  {
    name: 'start',
    summary: 'Run the agent',
    positionals: [],
    options: {},
    notes: [
      'Settings come from the environment: see docs/configuration.md.',
      'SIGTERM and SIGINT end it cleanly with exit code 0.',
    ],
    load: () => import('./start.ts'),
  },
  {
    name: 'sandbox',
    summary: 'Run the agent against a simulated Microsoft 365 tenant on this machine',
    positionals: [],
    options: {
      rehearse: {
        type: 'string',
        value: 'CODE',
        description: 'Put this failure in place, and show check, diagnosis and alert',
      },
      rehearsals: { type: 'boolean', description: 'List the failures that can be rehearsed' },
      json: {
        type: 'boolean',
        description: 'Print one JSON line when ready, and one for the rehearsal',
      },
    },
    notes: [
      'Nothing leaves this machine. Ctrl-C ends it.',
      'The data folder is temporary unless POSTERN_DATA_DIR is set. It honours the other settings, too.',
    ],
    load: () => import('./sandbox.ts'),
  },
  {
    name: 'doctor',
    summary: 'Verify the stored profiles now and say what is wrong',
    positionals: ['[PROFILE]'],
    options: {
      'send-to': {
        type: 'string',
        value: 'ADDRESS',
        description: 'Also hand over a real message to this address',
      },
      json: JSON_OPTION,
    },
    notes: [
      'Works beside a running agent and without one; stores nothing.',
      'The first line says it all, for monitoring systems.',
      'Exit codes (monitoring-plugin convention): 0 ok, 1 warning, 2 critical, 3 unknown.',
    ],
    errorExitCode: 3,
    load: () => import('./doctor.ts'),
  },
  {
    name: 'sync',
    summary: 'Compare the settings file with the stored profiles, or apply it',
    positionals: [],
    options: {
      check: {
        type: 'boolean',
        description: 'Only print the plan; exit 1 when there is something to do',
      },
      json: JSON_OPTION,
    },
    notes: [
      'The file is named by POSTERN_SETTINGS_FILE. A running agent applies it by itself;',
      'without --check this command therefore needs the agent to be stopped.',
      'Exit codes: 0 nothing to do or applied, 1 --check found changes, 2 an error.',
    ],
    errorExitCode: 2,
    load: () => import('./sync.ts'),
  },
  {
    name: 'token',
    summary: 'Create, list and revoke API tokens: token create|list|revoke',
    positionals: ['create|list|revoke', '[NAME|ID]'],
    options: {
      scope: {
        type: 'string',
        value: 'SCOPES',
        description: 'For create: admin, operator, send, monitor; several with commas',
      },
      'expires-at': {
        type: 'string',
        value: 'DAY',
        description: 'For create: day or instant at which the token ends, such as 2027-12-31',
      },
      json: JSON_OPTION,
    },
    notes: ['Works on the data folder, beside a running agent and without one.'],
    load: () => import('./token.ts'),
  },
  {
    name: 'client',
    summary: 'Create, list and revoke clients of the SMTP relay: client create|list|revoke',
    positionals: ['create|list|revoke', '[NAME|ID]'],
    options: {
      profile: {
        type: 'string',
        value: 'PROFILE',
        description: 'For create: profile by which its mail is sent; default: the only one',
      },
      username: {
        type: 'string',
        value: 'NAME',
        description: 'For create: name for the login; default: from the name',
      },
      'password-file': {
        type: 'string',
        value: 'FILE',
        description: 'For create: holds a password of your choice, in place of a generated secret',
      },
      address: {
        type: 'string',
        value: 'ADDRESSES',
        description: 'For create: no login, known by its address or network; several with commas',
      },
      'allowed-from': {
        type: 'string',
        value: 'SENDERS',
        description:
          'For create: addresses or @domains it may send as; default: the sender of the profile',
      },
      'from-policy': {
        type: 'string',
        value: 'POLICY',
        description: 'For create: other senders: reject (default), rewrite or keep',
      },
      repair: {
        type: 'string',
        value: 'WHAT',
        description: 'For create: missingDate, missingMessageId, brokenFrom; several with commas',
      },
      json: JSON_OPTION,
    },
    notes: [
      'create prints the username and the secret, this once. Further settings: PUT /api/v1/relay-clients/ID.',
      'revoke removes the client. Works on the data folder, beside a running agent and without one.',
    ],
    load: () => import('./client.ts'),
  },
  {
    name: 'credential',
    summary: 'Make or read a certificate for the app registration: credential new-certificate|show',
    positionals: ['new-certificate|show', '[NAME|FILE]'],
    options: {
      days: {
        type: 'string',
        value: 'DAYS',
        description: 'For new-certificate: its life, 1 to 1095 days; default 365',
      },
      out: {
        type: 'string',
        value: 'FOLDER',
        description: 'For new-certificate: where the files go; default the current folder',
      },
      key: {
        type: 'string',
        value: 'FILE',
        description: 'For show: the PEM file of the private key, when it has its own',
      },
      'password-file': {
        type: 'string',
        value: 'FILE',
        description: 'For show: holds the password of a PFX file',
      },
      'pem-out': {
        type: 'string',
        value: 'FOLDER',
        description: 'For show: also write certificate and key as two PEM files',
      },
      json: JSON_OPTION,
    },
    notes: [
      'new-certificate writes NAME.cer.pem (public: upload it) and NAME.key.pem (private, mode 0600), and says',
      'what to do with them; NAME is postern when left out. Files that exist are never overwritten.',
      'show reads PEM and PFX files. Neither needs the agent or its data folder.',
      'Exit codes: 0 done, 1 show found problems, 2 an error.',
    ],
    errorExitCode: 2,
    load: () => import('./credential.ts'),
  },
  {
    name: 'send',
    summary: 'Send a message through a profile',
    positionals: [],
    options: {
      to: {
        type: 'string',
        value: 'ADDRESS',
        multiple: true,
        description: 'Recipient; repeatable',
      },
      cc: { type: 'string', value: 'ADDRESS', multiple: true, description: 'Repeatable' },
      bcc: { type: 'string', value: 'ADDRESS', multiple: true, description: 'Repeatable' },
      subject: { type: 'string', value: 'TEXT', description: 'The profile’s prefix goes before' },
      text: {
        type: 'string',
        value: 'TEXT',
        description: 'Without --text and --html: read from standard input',
      },
      html: { type: 'string', value: 'FILE', description: 'File with the HTML text' },
      attach: { type: 'string', value: 'FILE', multiple: true, description: 'Repeatable' },
      profile: {
        type: 'string',
        value: 'ID',
        description: 'Default: the profile “default”, or the only one',
      },
      wait: {
        type: 'string',
        value: 'SECONDS',
        description: 'Wait so long for the outcome, 1 to 3600',
      },
      json: JSON_OPTION,
    },
    notes: [
      'Accepts into the data folder, beside a running agent and without one; the agent delivers.',
      'Exit codes: 0 accepted, and with --wait not failed; 1 it failed, or could not be accepted; 2 wrong arguments.',
    ],
    load: () => import('./send.ts'),
  },
  {
    name: 'sendmail',
    summary: 'Take a message from standard input as /usr/sbin/sendmail does',
    positionals: ['[RECIPIENT...]'],
    ownArguments: true,
    options: {
      t: {
        type: 'boolean',
        description: 'Recipients are those of To, Cc and Bcc, and the arguments; Bcc is taken out',
      },
      i: {
        type: 'boolean',
        description: 'A line with a dot alone does not end the message (also -oi)',
      },
      f: {
        type: 'string',
        value: 'ADDRESS',
        description: 'Sender: chooses the profile that sends as it (also -r)',
      },
      F: {
        type: 'string',
        value: 'NAME',
        description: 'Name of a sender that the message does not name',
      },
      N: {
        type: 'string',
        value: 'WHEN',
        description: 'never, or success, failure, delay with commas',
      },
      R: { type: 'string', value: 'WHAT', description: 'full or hdrs, for notifications' },
      V: { type: 'string', value: 'ID', description: 'Envelope id, for notifications' },
      profile: {
        type: 'string',
        value: 'ID',
        description: 'Default: by -f, by From, then the profile “default”, or the only one',
      },
    },
    notes: [
      'A link called sendmail to the program is the same. Other options of sendmail are accepted and ignored.',
      'Accepts into the data folder, with or without a running agent. Where this user may not open it, the message goes',
      'to the relay (POSTERN_RELAY_HOST, POSTERN_RELAY_PORT), with POSTERN_SENDMAIL_USERNAME and _PASSWORD where set.',
      'A From that the profile may not use becomes the profile’s sender, the original goes to Reply-To. Mail to a local',
      'user (root) goes to the profile’s errorEmailAddress.',
      'Exit codes (sysexits): 0 accepted, 64 usage, 65 data, 67 recipient, 69 refused, 70 internal, 75 try again,',
      '77 not permitted, 78 settings. With 67 nobody gets the message, unless the sentence says so.',
    ],
    load: () => import('./sendmail.ts'),
  },
  {
    name: 'healthcheck',
    summary: 'Ask the agent on this machine whether it is ready',
    positionals: [],
    options: { json: JSON_OPTION },
    notes: ['Exit codes: 0 ready, 1 not ready or no answer.'],
    load: () => import('./healthcheck.ts'),
  },
  {
    name: 'version',
    summary: 'Print the version',
    positionals: [],
    options: { json: JSON_OPTION },
    notes: [],
    load: () => import('./version.ts'),
  },
]
