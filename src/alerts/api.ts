import { type Static, Type } from 'typebox'
import { Command, Diagnosis, Responsible } from '../diagnosis/api.ts'

const closed = { additionalProperties: false }
const Instant = Type.String({ format: 'date-time' })
const nullableInstant = Type.Union([Instant, Type.Null()])
const nullableText = Type.Union([Type.String(), Type.Null()])

export const AlertKind = Type.Enum(
  [
    'verification',
    'credentialExpiring',
    'credentialEnded',
    'credentialReplacement',
    'network',
    'settingsFile',
    'secretUnreadable',
    'mailHeld',
    'mailDelayed',
    'dailyLimitReached',
    'failuresUntold',
  ],
  { description: 'What kind of problem it is' },
)
export type AlertKind = Static<typeof AlertKind>

export const Alert = Type.Object(
  {
    id: Type.String(),
    kind: AlertKind,
    profileId: nullableText,
    severity: Type.Enum(['warning', 'critical']),
    summary: Type.String(),
    details: Type.Array(Type.String(), {
      description: 'What is to say beyond the diagnosis; once resolved, why it is over',
    }),
    state: Type.Enum(['open', 'acknowledged', 'silenced', 'resolved']),
    openedAt: Instant,
    updatedAt: Instant,
    resolvedAt: nullableInstant,
    lastNotifiedAt: nullableInstant,
    acknowledgedAt: nullableInstant,
    acknowledgedBy: nullableText,
    silencedUntil: nullableInstant,
    silenceReason: nullableText,
    diagnosis: Type.Union([Diagnosis, Type.Null()]),
    notification: Type.Object(
      {
        state: Type.Enum(['none', 'pending', 'delivered', 'abandoned'], {
          description:
            'none: no address is set; pending: not mailed yet, kept and tried again; delivered: mailed; abandoned: overtaken before anybody was told, lastError says by what',
        }),
        recipient: nullableText,
        lastError: nullableText,
      },
      closed,
    ),
  },
  closed,
)
export type Alert = Static<typeof Alert>

/** Why and what to do, for a problem that no diagnosis of the catalogue describes. */
export const Advice = Type.Object(
  {
    cause: Type.String(),
    responsible: Responsible,
    remedy: Type.String(),
    commands: Type.Array(Command),
  },
  closed,
)
export type Advice = Static<typeof Advice>

export const SilenceInput = Type.Object(
  {
    until: Type.String({ description: 'Day or instant at which it speaks again' }),
    reason: Type.String({ minLength: 1, maxLength: 500 }),
  },
  closed,
)
export type SilenceInput = Static<typeof SilenceInput>
