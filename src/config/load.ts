import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Value } from 'typebox/value'
import { HOUR_MS, SECOND_MS } from '../platform/clock.ts'
import { type FieldProblem, messageOf, PosternError } from '../platform/errors.ts'
import { Secret } from '../platform/secret.ts'
import type { Config } from './config.ts'
import { ProcessSettings } from './process-settings.ts'
import { readValue, type SettingSchema } from './read-value.ts'

const MEBIBYTE = 1024 * 1024

export type Environment = Readonly<Record<string, string | undefined>>

/** Set by Kubernetes for services named postern, postern-relay, …; nothing of ours. */
const INJECTED = /^POSTERN_(\w+_)?(SERVICE_(HOST|PORT)(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_\w+)?)$/
const INJECTED_PORT = /^(tcp|udp|sctp):\/\//

/** Reads the process settings, or throws `settings_invalid` with every problem at once. */
export function loadConfig(options: { env: Environment; isTerminal: boolean }): Config {
  const problems: FieldProblem[] = []
  const settings = readSettings(options.env, problems)
  const extraCaPem = readCertificates(settings.POSTERN_CA_FILE, problems)
  const certificateFiles = readCertificateFiles(settings, problems)
  const sendmail = readSendmail(settings, problems)
  if (problems.length > 0) {
    throw new PosternError(
      `The process settings are wrong: ${problems.map((p) => `${p.field}: ${p.message}`).join('; ')}.`,
      { kind: 'invalid', code: 'settings_invalid', problems },
    )
  }
  const maxMessageBytes = settings.POSTERN_MESSAGE_MAX_SIZE_MB * MEBIBYTE
  return {
    dataDir: settings.POSTERN_DATA_DIR,
    http: {
      host: settings.POSTERN_HTTP_HOST,
      port: settings.POSTERN_HTTP_PORT,
      publicUrl: settings.POSTERN_PUBLIC_URL?.replace(/\/+$/, '') ?? null,
    },
    relay: {
      host: settings.POSTERN_RELAY_HOST,
      port: settings.POSTERN_RELAY_PORT === 0 ? null : settings.POSTERN_RELAY_PORT,
      name: settings.POSTERN_RELAY_NAME,
      certificateFiles,
      maxMessageBytes,
    },
    messages: { maxBytes: maxMessageBytes },
    sendmail,
    adminToken: secret(settings.POSTERN_ADMIN_TOKEN),
    masterKey: secret(settings.POSTERN_MASTER_KEY),
    settingsFile: settings.POSTERN_SETTINGS_FILE,
    extraCaPem,
    allowCustomCloud: settings.POSTERN_ALLOW_CUSTOM_CLOUD,
    metricsPublic: settings.POSTERN_METRICS_PUBLIC,
    log: {
      level: settings.POSTERN_LOG_LEVEL,
      format: settings.POSTERN_LOG_FORMAT ?? (options.isTerminal ? 'pretty' : 'json'),
    },
    proxy: {
      https: settings.HTTPS_PROXY,
      noProxy: settings.NO_PROXY,
      smtp:
        settings.POSTERN_SMTP_PROXY === undefined
          ? undefined
          : new URL(settings.POSTERN_SMTP_PROXY),
    },
    outgoing: outgoingTimeouts(settings.POSTERN_OUTGOING_TIMEOUT_SECONDS * SECOND_MS),
    verification: {
      schedule: settings.POSTERN_VERIFICATION_SCHEDULE,
      concurrency: settings.POSTERN_VERIFICATION_CONCURRENCY,
      timeoutMs: settings.POSTERN_VERIFICATION_TIMEOUT_SECONDS * SECOND_MS,
      retentionDays: settings.POSTERN_REPORTS_DAYS,
      reportsPerProfile: settings.POSTERN_REPORTS_PER_PROFILE,
    },
    outbox: {
      recordDays: settings.POSTERN_MAIL_RECORDS_DAYS,
      bodyDays: settings.POSTERN_MAIL_CONTENT_DAYS,
      mostBodyBytes: settings.POSTERN_MAIL_CONTENT_MB * 1024 * 1024,
    },
    alerts: { reminderIntervalMs: settings.POSTERN_ALERTS_REMINDER_HOURS * HOUR_MS },
  }
}

/** RFC 5321 §4.5.3.2 allows minutes; a verification wants to know sooner. */
function outgoingTimeouts(stepMs: number): Config['outgoing'] {
  return {
    httpsTimeoutMs: stepMs,
    smtpTimeouts: { connectMs: stepMs, greetingMs: stepMs, commandMs: stepMs, dataMs: 6 * stepMs },
  }
}

function secret(value: string | undefined): Secret | undefined {
  return value === undefined ? undefined : new Secret(value)
}

function readSettings(env: Environment, problems: FieldProblem[]): ProcessSettings {
  const known: Readonly<Record<string, SettingSchema>> = ProcessSettings.properties
  const read: Record<string, unknown> = {}
  for (const [name, schema] of Object.entries(known)) {
    const text = readText(env, name, problems)
    if (text === undefined) continue
    const reading = readValue(schema, text)
    if ('problem' in reading) problems.push({ field: name, message: reading.problem })
    else read[name] = reading.value
  }
  for (const name of Object.keys(env)) {
    const bare = name.replace(/_FILE$/, '')
    if (
      !name.startsWith('POSTERN_') ||
      name in known ||
      bare in known ||
      isInjected(name, env[name])
    )
      continue
    problems.push({
      field: name,
      message: `is not a setting${suggestion(bare, Object.keys(known))}`,
    })
  }
  return Value.Parse(ProcessSettings, Value.Default(ProcessSettings, read))
}

/** A service named postern-relay makes Kubernetes set POSTERN_RELAY_PORT=tcp://…, too. */
function isInjected(name: string, text: string | undefined): boolean {
  return INJECTED.test(name) || (name.endsWith('_PORT') && INJECTED_PORT.test(text ?? ''))
}

/** The variable's text, or its twin's file. An empty variable counts as not set. */
function readText(env: Environment, name: string, problems: FieldProblem[]): string | undefined {
  const direct = isInjected(name, env[name]) ? undefined : env[name]
  const file = env[`${name}_FILE`]
  if (file === undefined || file === '') return direct === '' ? undefined : direct
  if (direct !== undefined && direct !== '') {
    problems.push({ field: name, message: `is set twice: remove it or ${name}_FILE` })
    return undefined
  }
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (error) {
    problems.push({ field: `${name}_FILE`, message: `cannot be read: ${messageOf(error)}` })
    return undefined
  }
}

function readCertificates(file: string | undefined, problems: FieldProblem[]): string | undefined {
  if (file === undefined) return undefined
  try {
    const pem = readFileSync(file, 'utf8')
    const certificates = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g)
    if (certificates === null) throw new Error('it holds no certificate in PEM form')
    for (const certificate of certificates) new X509Certificate(certificate)
    return certificates.join('\n')
  } catch (error) {
    problems.push({ field: 'POSTERN_CA_FILE', message: `cannot be used: ${messageOf(error)}` })
    return undefined
  }
}

/** The files themselves are read by the relay, which goes on looking at them: they change while the agent runs. */
function readCertificateFiles(
  settings: ProcessSettings,
  problems: FieldProblem[],
): Config['relay']['certificateFiles'] {
  const { POSTERN_RELAY_TLS_CERT: certificate, POSTERN_RELAY_TLS_KEY: key } = settings
  if (certificate !== undefined && key !== undefined) return { certificate, key }
  const [given, missing] =
    certificate === undefined
      ? ['POSTERN_RELAY_TLS_KEY', 'POSTERN_RELAY_TLS_CERT']
      : ['POSTERN_RELAY_TLS_CERT', 'POSTERN_RELAY_TLS_KEY']
  if (certificate !== undefined || key !== undefined) {
    problems.push({ field: missing, message: `is missing: ${given} needs it` })
  }
  return undefined
}

function readSendmail(settings: ProcessSettings, problems: FieldProblem[]): Config['sendmail'] {
  const { POSTERN_SENDMAIL_USERNAME: username, POSTERN_SENDMAIL_PASSWORD: password } = settings
  if (username !== undefined && password !== undefined) {
    return { username, password: new Secret(password) }
  }
  if (username === undefined && password === undefined) return undefined
  const [given, missing] =
    username === undefined ? ['PASSWORD', 'USERNAME'] : ['USERNAME', 'PASSWORD']
  problems.push({
    field: `POSTERN_SENDMAIL_${missing}`,
    message: `is missing: POSTERN_SENDMAIL_${given} needs it`,
  })
  return undefined
}

/** `; did you mean POSTERN_HTTP_PORT?` when one name is close. */
function suggestion(name: string, known: readonly string[]): string {
  const [best] = known
    .map((candidate) => ({ candidate, distance: editDistance(name, candidate) }))
    .sort((a, b) => a.distance - b.distance)
  return best !== undefined && best.distance <= 4 ? `; did you mean ${best.candidate}?` : ''
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}
