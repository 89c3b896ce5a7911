import { GUIDE_STEPS, type GuideStep, guideCommand } from '../diagnosis/index.ts'
import type { Clock } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import type { ExchangeOnlineAuthentication, Profile, Profiles } from '../profiles/index.ts'
import type { TestEmailOutcomes, Verification } from '../verification/index.ts'
import type { ScriptVariant, SetupGuide, SetupPath, SetupStep } from './api.ts'
import { gatherFacts, type SetupFacts } from './facts.ts'
import { stepText } from './instructions.ts'
import { judge } from './judge.ts'
import { renderScript } from './script/render.ts'

export interface SetupGuides {
  /** Throws profile_not_found. */
  guide(profileId: string): Promise<SetupGuide>
  /** Without a variant the one that the profile uses. Throws profile_not_found and setup_script_unavailable. */
  script(profileId: string, variant?: ScriptVariant): Promise<string>
}

export interface SetupGuideDeps {
  profiles: Pick<Profiles, 'get'>
  verification: Verification
  testEmails: Pick<TestEmailOutcomes, 'lastOf'>
  clock: Clock
}

const POSTERN_STEPS: readonly GuideStep[] = ['email-settings', 'verification', 'test-email']

const STEPS: Readonly<Record<SetupPath, readonly GuideStep[]>> = {
  classic: [
    'app-registration',
    'client-secret',
    'api-permissions',
    'admin-consent',
    'enterprise-application',
    'service-principal',
    'mailbox-permission',
    'smtp-auth',
    ...POSTERN_STEPS,
  ],
  applicationRbac: [
    'app-registration',
    'client-secret',
    'enterprise-application',
    'service-principal',
    'application-role',
    'smtp-auth',
    ...POSTERN_STEPS,
  ],
  basic: POSTERN_STEPS,
  none: POSTERN_STEPS,
}

export function createSetupGuide(deps: SetupGuideDeps): SetupGuides {
  const { profiles, clock } = deps
  const factsOf = (profile: Profile) => gatherFacts({ ...deps, now: clock.now() }, profile)

  return {
    async guide(profileId) {
      const profile = profiles.get(profileId)
      const facts = await factsOf(profile)
      const path = pathOf(profile)
      const script = `/api/v1/profiles/${profile.id}/setup/script`
      const hasScript = path === 'classic' || path === 'applicationRbac'
      return {
        profileId: profile.id,
        path,
        steps: STEPS[path].map((step) => describe(step, facts)),
        script: hasScript ? `${script}?variant=${variantOf(path)}` : null,
        unattendedScript: hasScript ? `${script}?variant=unattended` : null,
      }
    },

    async script(profileId, variant) {
      const profile = profiles.get(profileId)
      const { authentication } = profile
      if (authentication.type !== 'exchangeOnline') throw noScript(profile.id)
      const { token } = await factsOf(profile)
      return renderScript({
        profile,
        authentication,
        objectId: token?.oid ?? null,
        variant: variant ?? variantOf(pathOf(profile)),
      })
    },
  }
}

function pathOf({ authentication }: Profile): SetupPath {
  if (authentication.type !== 'exchangeOnline') return authentication.type
  return usesRbac(authentication) ? 'applicationRbac' : 'classic'
}

function usesRbac({ applicationRbac }: ExchangeOnlineAuthentication): boolean {
  return applicationRbac
}

function variantOf(path: SetupPath): ScriptVariant {
  return path === 'applicationRbac' ? 'exchangeRbac' : 'exchange'
}

function describe(step: GuideStep, facts: SetupFacts): SetupStep {
  const { instructions, commands } = stepText(step, facts)
  const filled = commands.map((name) => guideCommand(name, facts.context))
  const isLink = ({ shell }: { shell: string }) => shell === 'url'
  return {
    id: step,
    title: titleOf(step, facts.profile),
    instructions: [...instructions],
    ...judge(step, facts),
    commands: filled.filter((command) => !isLink(command)),
    links: filled.filter(isLink).map(({ text }) => text),
  }
}

function titleOf(step: GuideStep, { credential }: Profile): string {
  const isCertificate = step === 'client-secret' && credential?.type === 'certificate'
  return isCertificate ? 'Upload the certificate' : GUIDE_STEPS[step]
}

function noScript(profileId: string): PosternError {
  return new PosternError(
    `The profile ${profileId} does not log in with Microsoft Exchange Online, so there is nothing to set up in Exchange. Change its authentication first.`,
    { kind: 'conflict', code: 'setup_script_unavailable' },
  )
}
