import type { LogFormat, LogLevel } from '../platform/logger.ts'
import type { Secret } from '../platform/secret.ts'

/** The process settings as the agent's parts take them. */
export interface Config {
  readonly dataDir: string
  readonly http: { readonly host: string; readonly port: number; readonly publicUrl: string | null }
  readonly relay: {
    readonly host: string
    /** null: off. */
    readonly port: number | null
    /** By which clients reach it; undefined: the name of the machine. */
    readonly name: string | undefined
    /** PEM files of the operator; undefined: one is made and kept. */
    readonly certificateFiles: { readonly certificate: string; readonly key: string } | undefined
    readonly maxMessageBytes: number
  }
  readonly messages: {
    /** Of the largest message that is accepted, whichever way it comes. */
    readonly maxBytes: number
  }
  /** For `postern sendmail`, when it goes through the relay; undefined: without a login. */
  readonly sendmail: { readonly username: string; readonly password: Secret } | undefined
  readonly adminToken: Secret | undefined
  readonly masterKey: Secret | undefined
  readonly settingsFile: string | undefined
  /** PEM text of POSTERN_CA_FILE. */
  readonly extraCaPem: string | undefined
  readonly allowCustomCloud: boolean
  readonly metricsPublic: boolean
  readonly log: { readonly level: LogLevel; readonly format: LogFormat }
  readonly proxy: {
    readonly https: string | undefined
    readonly noProxy: string | undefined
    readonly smtp: URL | undefined
  }
  readonly outgoing: {
    readonly httpsTimeoutMs: number
    readonly smtpTimeouts: {
      readonly connectMs: number
      readonly greetingMs: number
      readonly commandMs: number
      readonly dataMs: number
    }
  }
  readonly verification: {
    readonly schedule: string
    readonly concurrency: number
    readonly timeoutMs: number
    readonly retentionDays: number
    readonly reportsPerProfile: number
  }
  /** How long finished mail is kept. */
  readonly outbox: {
    readonly recordDays: number
    readonly bodyDays: number
    readonly mostBodyBytes: number
  }
  readonly alerts: { readonly reminderIntervalMs: number }
}
