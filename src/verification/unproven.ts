import { mailboxOf, type Profile } from '../profiles/index.ts'

/** What a run that went well cannot prove. */
export function unproven(profile: Profile, withMessage: boolean): string[] {
  if (withMessage) {
    return [
      'Arrival: the server has taken the message over; whether it reaches the recipient’s mailbox shows only there.',
    ]
  }
  if (profile.authentication.type !== 'exchangeOnline') {
    return [
      'Sender, recipients and sending limits: the server judges them when a message is handed over.',
    ]
  }
  const mailbox = mailboxOf(profile)
  const sender = profile.senderEmailAddress
  const { applicationRbac } = profile.authentication
  return [
    ...(applicationRbac
      ? []
      : [
          `Mailbox permission: whether the service principal has FullAccess on ${mailbox} shows when a message is handed over.`,
        ]),
    ...(mailbox.toLowerCase() === sender.toLowerCase()
      ? []
      : [`Send As: whether ${mailbox} may send as ${sender} shows when a message is handed over.`]),
    'Limits: a full mailbox or a used-up sending limit shows when a message is handed over.',
  ]
}
