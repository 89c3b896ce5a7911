import { type Static, Type } from 'typebox'

/**
 * The process settings: one entry for each environment variable. Types, defaults, error messages and
 * docs/configuration.md come from here. Each can also be given as <NAME>_FILE, naming a file that holds the value.
 */
export const ProcessSettings = Type.Object(
  {
    POSTERN_DATA_DIR: Type.String({
      default: './data',
      minLength: 1,
      description: 'Folder of the database and the generated keys. The container image sets /data.',
    }),
    POSTERN_HTTP_HOST: Type.String({
      default: '127.0.0.1',
      minLength: 1,
      description: 'Address on which the API listens. The container image sets 0.0.0.0.',
    }),
    POSTERN_HTTP_PORT: Type.Integer({
      default: 8587,
      minimum: 0,
      maximum: 65535,
      description: 'Port of the API; 0 takes a free one.',
    }),
    POSTERN_PUBLIC_URL: Type.Optional(
      Type.String({
        format: 'http-url',
        description:
          'Address under which people reach this agent, for links in mails, such as https://postern.contoso.com.',
      }),
    ),
    POSTERN_ADMIN_TOKEN: Type.Optional(
      Type.String({
        minLength: 20,
        secret: true,
        description:
          'Preset admin token (at least 20 characters). Without it one is made on the first start, printed once and kept in <data>/initial-admin-token.',
      }),
    ),
    POSTERN_MASTER_KEY: Type.Optional(
      Type.String({
        format: 'key-32',
        secret: true,
        description:
          'Key that seals the stored secrets: 32 bytes in base64 (openssl rand -base64 32). Without it one is made and kept in <data>/master.key.',
      }),
    ),
    POSTERN_SETTINGS_FILE: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'YAML file with the profiles as desired state (config sync).',
      }),
    ),
    POSTERN_RELAY_HOST: Type.String({
      default: '127.0.0.1',
      minLength: 1,
      description:
        'Address on which the SMTP relay listens; 0.0.0.0 and :: are every address of the machine. On other addresses than those of loopback it opens as soon as there is a relay client.',
    }),
    POSTERN_RELAY_PORT: Type.Integer({
      default: 2587,
      minimum: 0,
      maximum: 65535,
      description: 'Port of the SMTP relay; 0 is off.',
    }),
    POSTERN_RELAY_TLS_CERT: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Certificate (PEM file, with its chain) that the relay shows after STARTTLS; read again when it changes. Without it one is made and kept in <data>/relay-cert.pem.',
      }),
    ),
    POSTERN_RELAY_TLS_KEY: Type.Optional(
      Type.String({
        minLength: 1,
        description: 'Private key (PEM file) of POSTERN_RELAY_TLS_CERT.',
      }),
    ),
    POSTERN_RELAY_NAME: Type.Optional(
      Type.String({
        minLength: 1,
        format: 'host-name',
        description:
          'Name by which clients reach the relay: stands in its greeting, in Received lines and in the certificate that is made. Default: the name of the machine.',
      }),
    ),
    POSTERN_MESSAGE_MAX_SIZE_MB: Type.Integer({
      default: 35,
      minimum: 1,
      maximum: 150,
      description:
        'Largest message that is accepted, in MiB: by the relay, which announces it as SIZE, by the API and by `postern sendmail`.',
    }),
    POSTERN_SENDMAIL_USERNAME: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'Relay client as which `postern sendmail` logs in at the relay when it cannot open the data folder itself.',
      }),
    ),
    POSTERN_SENDMAIL_PASSWORD: Type.Optional(
      Type.String({
        minLength: 1,
        secret: true,
        description: 'Password of POSTERN_SENDMAIL_USERNAME.',
      }),
    ),
    POSTERN_CA_FILE: Type.Optional(
      Type.String({
        minLength: 1,
        description:
          'PEM file with further certificate authorities for outgoing TLS, such as the one of a TLS-inspecting proxy.',
      }),
    ),
    POSTERN_ALLOW_CUSTOM_CLOUD: Type.Boolean({
      default: false,
      description: 'Allows profiles with cloud "custom", whose endpoints are not Microsoft’s.',
    }),
    POSTERN_METRICS_PUBLIC: Type.Boolean({
      default: false,
      description: 'Answers GET /metrics without a token.',
    }),
    POSTERN_LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
      default: 'info',
      description: 'Least severe level that is logged.',
    }),
    POSTERN_LOG_FORMAT: Type.Optional(
      Type.Enum(['json', 'pretty'], {
        description: 'Form of the log. Default: pretty on a terminal, json elsewhere.',
      }),
    ),
    HTTPS_PROXY: Type.Optional(
      Type.String({
        format: 'http-url',
        secret: true,
        description: 'HTTP proxy for Entra and Graph, such as http://proxy.contoso.com:3128.',
      }),
    ),
    NO_PROXY: Type.Optional(
      Type.String({
        description: 'Hosts that are reached without the proxy, separated by commas.',
      }),
    ),
    POSTERN_SMTP_PROXY: Type.Optional(
      Type.String({
        format: 'proxy-url',
        secret: true,
        description:
          'Proxy for SMTP: HTTP (CONNECT), such as http://proxy.contoso.com:3128, or SOCKS 5, such as socks5://user:password@proxy.contoso.com:1080.',
      }),
    ),
    POSTERN_OUTGOING_TIMEOUT_SECONDS: Type.Integer({
      default: 20,
      minimum: 1,
      maximum: 300,
      description:
        'Longest wait for one answer of Entra or of an SMTP server; for the answer to a whole message six times as long.',
    }),
    POSTERN_VERIFICATION_SCHEDULE: Type.String({
      default: '*/15 * * * *',
      format: 'cron',
      description: 'When every profile is verified: five-field cron expression, in UTC.',
    }),
    POSTERN_VERIFICATION_CONCURRENCY: Type.Integer({
      default: 8,
      minimum: 1,
      maximum: 100,
      description: 'Verifications under way at once.',
    }),
    POSTERN_VERIFICATION_TIMEOUT_SECONDS: Type.Integer({
      default: 60,
      minimum: 5,
      maximum: 600,
      description: 'Longest time for one verification.',
    }),
    POSTERN_REPORTS_DAYS: Type.Integer({
      default: 30,
      minimum: 1,
      maximum: 3650,
      description: 'Days for which verification reports are kept.',
    }),
    POSTERN_REPORTS_PER_PROFILE: Type.Integer({
      default: 500,
      minimum: 1,
      maximum: 100_000,
      description: 'Most verification reports kept for one profile.',
    }),
    POSTERN_MAIL_RECORDS_DAYS: Type.Integer({
      default: 30,
      minimum: 1,
      maximum: 3650,
      description: 'Days for which the record of a finished message is kept.',
    }),
    POSTERN_MAIL_CONTENT_DAYS: Type.Integer({
      default: 3,
      minimum: 0,
      maximum: 3650,
      description:
        'Days for which the content of a finished message is kept, so that a failed one can be tried again.',
    }),
    POSTERN_MAIL_CONTENT_MB: Type.Integer({
      default: 1024,
      minimum: 1,
      maximum: 1_000_000,
      description: 'Most content of finished messages, in MB; above it the oldest goes first.',
    }),
    POSTERN_ALERTS_REMINDER_HOURS: Type.Integer({
      default: 24,
      minimum: 1,
      maximum: 720,
      description: 'Hours between two mails about the same open problem.',
    }),
  },
  { additionalProperties: false },
)
export type ProcessSettings = Static<typeof ProcessSettings>
