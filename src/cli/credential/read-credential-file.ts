import { type CertificatePair, checkCertificatePair, readPfx } from '../../entra/index.ts'
import { PosternError } from '../../platform/errors.ts'
import { Secret } from '../../platform/secret.ts'
import { readPassword, readSmall } from './files.ts'

export interface CredentialFile {
  readonly certificate: string
  /** Absent in a file that holds the public certificate alone. */
  readonly privateKey: Secret | undefined
}

/** A PFX file, or PEM text with a certificate and perhaps its private key; the key may be in a file of its own. */
export async function readCredentialFile(options: {
  file: string
  keyFile: string | undefined
  passwordFile: string | undefined
}): Promise<CredentialFile> {
  const { file, keyFile, passwordFile } = options
  const bytes = await readSmall(file)
  const text = bytes.toString('latin1')
  if (!text.includes('-----BEGIN ')) return readProtected(bytes, passwordFile)
  const keyText = keyFile === undefined ? text : (await readSmall(keyFile)).toString('latin1')
  const [privateKey] = PRIVATE_KEY.exec(keyText) ?? []
  if (keyFile !== undefined && privateKey === undefined) {
    throw unusable(`${keyFile} holds no private key: name the file with "PRIVATE KEY" in it`)
  }
  const [certificate] = CERTIFICATE.exec(text) ?? []
  if (certificate === undefined) {
    throw unusable(`${file} holds no certificate: name the .cer.pem file, or the .pfx file`)
  }
  return {
    certificate: `${certificate}\n`,
    privateKey: privateKey === undefined ? undefined : new Secret(`${privateKey}\n`),
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/
const PRIVATE_KEY = /-----BEGIN ([A-Z]+ )?PRIVATE KEY-----[\s\S]+?-----END \1?PRIVATE KEY-----/

async function readProtected(
  bytes: Buffer,
  passwordFile: string | undefined,
): Promise<CertificatePair> {
  if (passwordFile !== undefined) return readPfx(bytes, await readPassword(passwordFile))
  try {
    return await readPfx(bytes, new Secret(''))
  } catch (error) {
    if (!(error instanceof PosternError) || error.code !== 'certificate_file_password') throw error
    throw unusable(
      'The certificate file is protected with a password: put the password into a file and name it with --password-file',
    )
  }
}

/** Everything that is wrong; of a certificate alone, what can be said without its key. */
export function problemsOf({ certificate, privateKey }: CredentialFile, now: number): string[] {
  if (privateKey !== undefined) return checkCertificatePair({ certificate, privateKey, now })
  const none = new Secret('')
  const ofNoKey = checkCertificatePair({ certificate: '', privateKey: none, now })
  return checkCertificatePair({ certificate, privateKey: none, now }).filter(
    (problem) => !ofNoKey.includes(problem),
  )
}

function unusable(message: string): PosternError {
  return new PosternError(`${message}.`, { kind: 'invalid', code: 'usage' })
}
