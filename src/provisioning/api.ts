import { type Static, Type } from 'typebox'

const closed = { additionalProperties: false }
const Instant = Type.String({ format: 'date-time' })
const Ids = Type.Array(Type.String())

export const SyncChanges = Type.Object(
  {
    create: Ids,
    change: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          fields: Type.Array(Type.String(), { description: 'What differs, never the values' }),
        },
        closed,
      ),
    ),
    remove: Ids,
  },
  closed,
)
export type SyncChanges = Static<typeof SyncChanges>

/** `file:line:column: sentence` */
const Lines = Type.Array(Type.String(), {
  examples: [['settings.yaml:7:5: server.port must be a whole number from 1 to 65535.']],
})

export const SyncRun = Type.Object(
  {
    at: Instant,
    outcome: Type.Enum(['applied', 'unchanged', 'refused'], {
      description: 'refused: nothing of the file was taken over, the state before stays',
    }),
    hash: Type.Union([Type.String(), Type.Null()], {
      description:
        'SHA-256 of the file as read (secrets that stand in it count as the word [secret]); null when it could not be read',
    }),
    problems: Lines,
    warnings: Lines,
    changes: SyncChanges,
  },
  closed,
)
export type SyncRun = Static<typeof SyncRun>

export const SyncStatus = Type.Object(
  {
    configured: Type.Boolean({ description: 'Whether POSTERN_SETTINGS_FILE is set' }),
    file: Type.Union([Type.String(), Type.Null()]),
    lastRun: Type.Union([SyncRun, Type.Null()]),
    lastApplied: Type.Union(
      [
        Type.Object({ at: Instant, hash: Type.Union([Type.String(), Type.Null()]) }, closed),
        Type.Null(),
      ],
      { description: 'The last run that took the file over or found it in force' },
    ),
    inSync: Type.Boolean({ description: 'Whether the stored profiles are what the file says now' }),
    drift: Type.Union([SyncChanges, Type.Null()], {
      description: 'What the file as it is now would change; null when it cannot be taken over',
    }),
  },
  closed,
)
export type SyncStatus = Static<typeof SyncStatus>
