import type { TenantModel } from '../model.ts'
import type { HostNames } from './names.ts'
import { MAX_MESSAGE_BYTES } from './submission.ts'

/** Exchange repeats the client's address, not the name that the client gave. */
export function heloReply(names: HostNames, remoteAddress: string): string {
  return `250 ${hello(names, remoteAddress)}`
}

/** The extensions in the order of smtp.office365.com; AUTH takes the place of STARTTLS once the connection is encrypted. */
export function ehloReply(options: {
  names: HostNames
  remoteAddress: string
  isEncrypted: boolean
  smtp: TenantModel['smtp']
}): string {
  const { offerStarttls, authMechanisms } = options.smtp
  const auth = authMechanisms.length > 0 ? [`AUTH ${authMechanisms.join(' ')}`] : []
  const starttls = offerStarttls ? ['STARTTLS'] : []
  return [
    `250-${hello(options.names, options.remoteAddress)}`,
    ...[
      `SIZE ${MAX_MESSAGE_BYTES}`,
      'PIPELINING',
      'DSN',
      'ENHANCEDSTATUSCODES',
      ...(options.isEncrypted ? auth : starttls),
      '8BITMIME',
      'BINARYMIME',
      'CHUNKING',
    ].map((extension) => `250-${extension}`),
    '250 SMTPUTF8',
  ].join('\r\n')
}

function hello(names: HostNames, remoteAddress: string): string {
  return `${names.frontDoor} Hello [${remoteAddress}]`
}
