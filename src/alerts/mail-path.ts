import type { Outbox } from '../outbox/index.ts'
import { mailboxOf, type Profile, type Profiles } from '../profiles/index.ts'
import type { Verification } from '../verification/index.ts'
import { type StoredAlert, sameAddress } from './stored-alert.ts'

/** Mails about the agent itself go to so many addresses at most. */
const MOST_RECIPIENTS = 20
/** One attempt tries so many profiles at most. */
const MOST_CARRIERS = 3

export interface MailPath {
  /** Who is to be told now. */
  recipientsFor(profileId: string | null): readonly string[]
  /** The profiles that may carry a mail to this address, best first; none when no path works now. */
  carriersFor(alert: StoredAlert, recipient: string): readonly Profile[]
  /** Whether a further profile reports to the same address and shares nothing that can break. */
  hasIndependent(profileId: string): boolean
}

/**
 * A profile carries its own mail while it works. When it does not, another one does that works and reports to the same
 * address: the same people trust it. Independent ones come first, since what one profile lacks the others of its
 * application may lack in a moment. A failing profile is not tried, so that alerts do not hammer a server that refuses.
 */
export function createMailPath(deps: {
  profiles: Pick<Profiles, 'list' | 'find'>
  verification: Pick<Verification, 'healthOf'>
  outbox: Pick<Outbox, 'holdsOf'>
}): MailPath {
  const { profiles, verification, outbox } = deps
  /** Whose mail is on hold is as good as failing, whatever a login alone can prove. */
  const stateOf = (profile: Profile) => {
    const sender = profile.senderEmailAddress.toLowerCase()
    const isHeld = outbox.holdsOf(profile.id).some((hold) => ['', sender].includes(hold.sender))
    return isHeld ? 'failing' : verification.healthOf(profile.id).state
  }

  /** Made once for each list that the profiles hand out: status asks for every profile in turn. */
  let grouped: { of: readonly Profile[]; byAddress: ReadonlyMap<string, Group> } | undefined

  function reportersTo(address: string): Group {
    const all = profiles.list()
    if (grouped?.of !== all) grouped = { of: all, byAddress: groupsOf(all) }
    return grouped.byAddress.get(address.toLowerCase()) ?? NOBODY
  }

  /** Whether it has a share in what fails now: the same mailbox, and no login since then that proves the contrary. */
  function failsWith(own: Profile, other: Profile): boolean {
    if (stateOf(own) !== 'failing' || !sharesMailbox(loginOf(own), loginOf(other))) return false
    const { lastSucceededAt } = verification.healthOf(other.id)
    return (lastSucceededAt ?? 0) <= verification.healthOf(own.id).since
  }

  return {
    hasIndependent(profileId) {
      const own = profiles.find(profileId)
      if (own === undefined || own.errorEmailAddress === null) return false
      const { logins, credentials } = reportersTo(own.errorEmailAddress)
      if (credentials.size < 2) return false
      const login = loginOf(own)
      return logins.some((other) => isIndependent(login, other))
    },
    recipientsFor(profileId) {
      if (profileId !== null) {
        const address = profiles.find(profileId)?.errorEmailAddress ?? null
        return address === null ? [] : [address]
      }
      const found = new Map<string, string>()
      for (const { errorEmailAddress } of profiles.list()) {
        if (errorEmailAddress === null || found.has(errorEmailAddress.toLowerCase())) continue
        found.set(errorEmailAddress.toLowerCase(), errorEmailAddress)
        if (found.size === MOST_RECIPIENTS) break
      }
      return [...found.values()]
    },
    carriersFor(alert, recipient) {
      const own = alert.profileId === null ? undefined : profiles.find(alert.profileId)
      const others = profiles.list().filter(({ id, errorEmailAddress }) => {
        if (id === own?.id || errorEmailAddress === null) return false
        return sameAddress(errorEmailAddress, recipient)
      })
      const working = others.filter((profile) => stateOf(profile) === 'ok')
      if (own === undefined) {
        // The agent's own alerts have no profile of their own: one that may work is better than none.
        const perhaps = others.filter((profile) =>
          ['unknown', 'warning'].includes(stateOf(profile)),
        )
        return [...working, ...perhaps].slice(0, MOST_CARRIERS)
      }
      const login = loginOf(own)
      const usable = working.filter((profile) => !failsWith(own, profile))
      const independent = usable.filter((profile) => isIndependent(login, loginOf(profile)))
      const related = usable.filter((profile) => !independent.includes(profile))
      const first = stateOf(own) === 'failing' ? [] : [own]
      return [...first, ...independent, ...related].slice(0, MOST_CARRIERS)
    },
  }
}

/** What a profile needs to log in, and so what it can lose together with others. */
interface Login {
  /** The application with its tenant; without Exchange Online, the server with its user. */
  readonly credential: string
  /** null: nobody logs in. */
  readonly mailbox: string | null
  /** Where the mailbox is: server and port. */
  readonly server: string
  /** Authority of the cloud; null without Exchange Online. One mailbox has one name in all of a cloud. */
  readonly cloud: string | null
}

interface Group {
  readonly logins: readonly Login[]
  readonly credentials: ReadonlySet<string>
}

const NOBODY: Group = { logins: [], credentials: new Set() }

function groupsOf(profiles: readonly Profile[]): ReadonlyMap<string, Group> {
  const byAddress = new Map<string, { logins: Login[]; credentials: Set<string> }>()
  for (const profile of profiles) {
    const address = profile.errorEmailAddress?.toLowerCase()
    if (address === undefined) continue
    const group = byAddress.get(address) ?? { logins: [], credentials: new Set<string>() }
    const login = loginOf(profile)
    group.logins.push(login)
    group.credentials.add(login.credential)
    byAddress.set(address, group)
  }
  return byAddress
}

function loginOf(profile: Profile): Login {
  const { authentication } = profile
  const server = `${profile.server.host.toLowerCase()}:${profile.server.port}`
  const mailbox = authentication.type === 'none' ? null : mailboxOf(profile).toLowerCase()
  if (authentication.type !== 'exchangeOnline') {
    return { credential: JSON.stringify([server, mailbox]), mailbox, server, cloud: null }
  }
  const { tenantId, clientId, cloud } = authentication
  const application = [cloud.authority, tenantId.toLowerCase(), clientId.toLowerCase()]
  return { credential: JSON.stringify(application), mailbox, server, cloud: cloud.authority }
}

function isIndependent(one: Login, other: Login): boolean {
  return one.credential !== other.credential && !sharesMailbox(one, other)
}

/** The same name at another server is another mailbox. */
function sharesMailbox(one: Login, other: Login): boolean {
  if (one.mailbox === null || one.mailbox !== other.mailbox) return false
  return one.server === other.server || (one.cloud !== null && one.cloud === other.cloud)
}
