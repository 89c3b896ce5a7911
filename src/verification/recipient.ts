import { PosternError } from '../platform/errors.ts'
import { createFindings, readEmailAddress } from '../profiles/index.ts'

/** One address, by the same rules as the profiles' own. Throws recipient_invalid, naming `field`. */
export function readRecipient(value: string, field: string): string {
  const findings = createFindings()
  const address = readEmailAddress(value, { field, label: 'Recipient' }, findings)
  if (address !== undefined && address !== '') return address
  const problems =
    findings.problems.length > 0
      ? findings.problems
      : [{ field, message: 'Recipient is empty: enter the address that shall get the email.' }]
  throw new PosternError(
    `No email was sent: ${problems.map((problem) => problem.message).join(' ')}`,
    { kind: 'invalid', code: 'recipient_invalid', problems },
  )
}
