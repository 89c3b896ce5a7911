import { mailboxOf, type Profile } from '../../profiles/index.ts'
import { keyOf, type Mailbox } from '../../smtp/index.ts'

/** What the server counts connections, messages and recipients for. Several profiles may share one. */
export function mailboxOfProfile(profile: Profile): Mailbox & { readonly key: string } {
  const { server, authentication } = profile
  const login = authentication.type === 'none' ? '' : mailboxOf(profile)
  return { server, login, key: keyOf({ server, login }) }
}

/** Whose mail a refusal to send as somebody concerns: the From header, else the envelope. */
export function senderOf(message: {
  readonly headerFrom: string | null
  readonly envelope: { readonly sender: string }
}): string {
  return (message.headerFrom ?? message.envelope.sender).toLowerCase()
}
