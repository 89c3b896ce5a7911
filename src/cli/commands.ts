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
