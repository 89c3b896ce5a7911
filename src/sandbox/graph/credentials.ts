import { toIso } from '../../platform/clock.ts'
import type { CertificateModel, ClientSecretModel } from '../model.ts'
import { readRegistered } from '../x509.ts'

/** Graph never shows the value again, only its first three characters. */
export function toPasswordCredential(keyId: string, secret: ClientSecretModel): object {
  return {
    customKeyIdentifier: null,
    displayName: secret.displayName === '' ? null : secret.displayName,
    endDateTime: toGraphTime(secret.endDateTime),
    hint: secret.value.slice(0, 3),
    keyId,
    secretText: null,
    startDateTime: toGraphTime(secret.startDateTime),
  }
}

/** customKeyIdentifier: the documents say base64, the live service sends the SHA-1 thumbprint in hex. */
export function toKeyCredential(keyId: string, model: CertificateModel): object {
  const certificate = readRegistered(model)
  return {
    customKeyIdentifier: certificate?.sha1 ?? null,
    displayName: model.displayName === '' ? (certificate?.subject ?? null) : model.displayName,
    endDateTime: toGraphTime(toIso(certificate?.endsAt ?? 0)),
    key: null,
    keyId,
    startDateTime: toGraphTime(toIso(certificate?.startsAt ?? 0)),
    type: 'AsymmetricX509Cert',
    usage: 'Verify',
  }
}

/** Seven decimals, or none for a whole second. */
function toGraphTime(instant: string): string {
  const [whole = '', fraction = ''] = instant.replace('Z', '').split('.')
  return Number(fraction) === 0 ? `${whole}Z` : `${whole}.${fraction.padEnd(7, '0')}Z`
}
