import { type Static, Type } from 'typebox'
import { HealthState } from '../verification/api.ts'

const closed = { additionalProperties: false }
const nullableInstant = (description: string) =>
  Type.Union([Type.String({ format: 'date-time' }), Type.Null()], { description })

export const ProfileStatus = Type.Object(
  {
    id: Type.String(),
    health: HealthState,
    since: nullableInstant('Since when the health is what it is'),
    lastVerifiedAt: nullableInstant('Last verification, whatever its outcome'),
    lastDeliveredAt: nullableInstant('Last message that the server accepted'),
    credential: Type.Union([
      Type.Object(
        {
          type: Type.String(),
          expiresAt: nullableInstant('End of the credential; null when unknown'),
          daysLeft: Type.Union([Type.Integer(), Type.Null()], {
            description: 'Calendar days in UTC; 0 on the last day, negative after the end',
          }),
          expirySource: Type.String({ description: 'none, typed, graph, certificate or proven' }),
        },
        closed,
      ),
      Type.Null(),
    ]),
    queue: Type.Object(
      {
        queued: Type.Integer({ description: 'Messages that wait for their turn or next try' }),
        held: Type.Integer({
          description: 'Messages that wait for a repair: nothing of them is tried meanwhile',
        }),
        oldestAgeSeconds: Type.Union([Type.Integer(), Type.Null()], {
          description: 'Since the oldest waiting message was accepted; null when none waits',
        }),
      },
      closed,
    ),
    openAlerts: Type.Integer(),
    undeliveredAlerts: Type.Integer({ description: 'Open alerts whose mail is still waiting' }),
    independentAlertPath: Type.Boolean({
      description:
        'Whether alerts about this profile can be mailed when the profile itself fails: another profile has the same error address, and neither its application (or server and user) nor its mailbox',
    }),
    lastTestEmail: Type.Union(
      [
        Type.Object(
          {
            at: Type.String({ format: 'date-time' }),
            outcome: Type.Enum(['accepted', 'refused']),
            code: Type.Union([Type.String(), Type.Null()], {
              description: 'Of the diagnosis, when it was refused',
            }),
            summary: Type.Union([Type.String(), Type.Null()]),
          },
          closed,
        ),
        Type.Null(),
      ],
      { description: 'What became of the last test email; it changes no health' },
    ),
    problem: Type.Union(
      [
        Type.Object(
          {
            code: Type.String(),
            summary: Type.String(),
            responsible: Type.String(),
            remedy: Type.String(),
            waitingUntil: nullableInstant(
              'Set while Microsoft is still spreading a change: no failure before',
            ),
          },
          closed,
        ),
        Type.Null(),
      ],
      { description: 'Why the profile is not ok, or its mail is kept back' },
    ),
  },
  closed,
)
export type ProfileStatus = Static<typeof ProfileStatus>

export const Status = Type.Object(
  {
    status: Type.Enum(['ok', 'warning', 'failing']),
    version: Type.String(),
    startedAt: Type.String({ format: 'date-time' }),
    problems: Type.Array(Type.String(), {
      description: 'Problems of the agent itself, such as its network or the settings file',
    }),
    openAlerts: Type.Integer({ description: 'Open alerts about the agent itself' }),
    undeliveredAlerts: Type.Integer({
      description: 'Open alerts about the agent itself whose mail is still waiting',
    }),
    relay: Type.Object(
      {
        address: Type.Union([Type.String(), Type.Null()], {
          description: 'Where the SMTP relay listens, as host:port; null: nowhere',
        }),
        problem: Type.Union([Type.String(), Type.Null()], {
          description:
            'Why it does not listen although it shall, or what else an operator must do for it; null also while it is switched off',
        }),
      },
      closed,
    ),
    profiles: Type.Array(ProfileStatus),
  },
  closed,
)
export type Status = Static<typeof Status>
