import { type Static, Type } from 'typebox'
import { Command, Diagnosis, GUIDE_STEPS, type GuideStep } from '../diagnosis/index.ts'
import { ProfileId } from '../profiles/api.ts'

const closed = { additionalProperties: false }

export const SetupPath = Type.Enum(['classic', 'applicationRbac', 'basic', 'none'], {
  description:
    'classic: API permission and mailbox permission; applicationRbac: the right comes from a role in Exchange Online; basic: user name and password; none: no login',
})
export type SetupPath = Static<typeof SetupPath>

export const StepState = Type.Enum(['done', 'todo', 'failed', 'unknown'], {
  description:
    'done: proven; todo: still to be done, or done and not yet spread by Microsoft; failed: refused; unknown: nothing has shown it yet',
})
export type StepState = Static<typeof StepState>

export const SetupStep = Type.Object(
  {
    id: Type.Unsafe<GuideStep>({ type: 'string', enum: Object.keys(GUIDE_STEPS) }),
    title: Type.String(),
    instructions: Type.Array(Type.String(), { description: 'What to do, one action each' }),
    state: StepState,
    evidence: Type.String({ description: 'What the state was seen by' }),
    commands: Type.Array(Command),
    links: Type.Array(Type.String(), { description: 'Pages of the portal for this step' }),
    diagnosis: Type.Union([Diagnosis, Type.Null()], { description: 'When Microsoft refused' }),
  },
  closed,
)
export type SetupStep = Static<typeof SetupStep>

const Url = (description: string) =>
  Type.Union([Type.String(), Type.Null()], {
    description: `${description}; a path of this server, null when there is none`,
  })

export const SetupGuide = Type.Object(
  {
    profileId: ProfileId,
    path: SetupPath,
    steps: Type.Array(SetupStep),
    script: Url('PowerShell script that does all steps in Exchange Online and checks them'),
    unattendedScript: Url('PowerShell script that also does the steps in Microsoft Entra'),
  },
  { ...closed, description: 'The steps of the setup, each with its state' },
)
export type SetupGuide = Static<typeof SetupGuide>

export const ScriptVariant = Type.Enum(['exchange', 'exchangeRbac', 'unattended'], {
  description:
    'exchange: service account, mailbox permission, SMTP AUTH; exchangeRbac: the same with an application role instead of the mailbox permission; unattended: app registration and consent, too. Default: what the profile uses',
})
export type ScriptVariant = Static<typeof ScriptVariant>
