import type { ClientCertificateFacts } from '../../entra/index.ts'
import { toIso, toIsoDay } from '../../platform/clock.ts'
import type { PairFiles } from './files.ts'

/** The facts for `--json`. */
export function factsForJson(facts: ClientCertificateFacts): Readonly<Record<string, unknown>> {
  const { notBefore, notAfter, ...rest } = facts
  return { ...rest, validFrom: toIso(notBefore), validUntil: toIso(notAfter) }
}

export function renderFacts(facts: ClientCertificateFacts): string {
  const key = facts.keyType === 'other' ? 'neither RSA nor EC' : facts.keyType.toUpperCase()
  return [
    `Subject              ${facts.subject}`,
    `Key                  ${facts.keyBits === null ? key : `${key}, ${facts.keyBits} bits`}`,
    `Thumbprint (SHA-1)   ${facts.thumbprint}`,
    `Thumbprint (SHA-256) ${facts.thumbprintSha256}`,
    `Valid until          ${toIsoDay(facts.notAfter)} (${toIso(facts.notAfter)})`,
    '',
  ].join('\n')
}

export function renderFiles({ certificateFile, privateKeyFile }: PairFiles): string {
  return [
    `Certificate (public) ${certificateFile}`,
    `Private key (secret) ${privateKeyFile}`,
    '',
  ].join('\n')
}

/** What people do with the two files, in order. */
export function renderSteps({ certificateFile, privateKeyFile }: PairFiles): string {
  return `
1. The Entra administrator uploads ${certificateFile}:
   App registrations > the app > Certificates & secrets > Certificates > Upload certificate.
   The portal then shows the SHA-1 thumbprint above. The key file is not uploaded: Microsoft never sees it.

2. Enter both in Postern. POSTERN is the address of its API (http://127.0.0.1:8587/api/v1), TOKEN a token
   that may do it (scope operator); write the id of your profile for "default":

   jq -n --rawfile certificate ${quote(certificateFile)} --rawfile privateKey ${quote(privateKeyFile)} \\
     '{ credential: { type: "certificate", certificate: $certificate, privateKey: $privateKey } }' |
   curl -sS -X PUT "$POSTERN/profiles/default/credential" -H "Authorization: Bearer $TOKEN" \\
     -H 'Content-Type: application/json' --data-binary @-

   Postern proves the certificate before it uses it (PUT /api/v1/profiles/default/credential).

3. Keep ${privateKeyFile} safe, or delete it once Postern has it: whoever has this file can sign in as the app.
`
}

/** For a POSIX shell. A name that begins with a dash would be taken for an option. */
function quote(path: string): string {
  const file = path.startsWith('-') ? `./${path}` : path
  return /^[\w./-]+$/.test(file) ? file : `'${file.replaceAll("'", "'\\''")}'`
}
