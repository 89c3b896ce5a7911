import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { createSecureContext } from 'node:tls'
import { type Clock, DAY_MS } from '../../platform/clock.ts'
import { codeOf, messageOf, PosternError } from '../../platform/errors.ts'
import type { Logger } from '../../platform/logger.ts'
import { Secret } from '../../platform/secret.ts'
import { writePrivateFile } from '../../storage/index.ts'
import { makeServerCertificate, type ServerCertificate } from './server-certificate.ts'

/** In the data folder. The certificate is public: clients that check it are given this file. */
export const RELAY_CERTIFICATE_FILE = 'relay-cert.pem'
const RELAY_KEY_FILE = 'relay-key.pem'
export const LOWEST_TLS_VERSION = 'TLSv1.2'

/**
 * Ten years: devices and applications are given this very file to trust, and each renewal means to give it to all of them
 * anew. Programs that bear no such life, as those of Apple do (825 days), need a certificate of an authority.
 */
const DAYS = 3_650
const RENEWED_BEFORE_MS = 90 * DAY_MS

export interface CertificateSource {
  /** The pair to use now; made, renewed or read again where needed. Undefined: it is the one of the call before. */
  next(): Promise<ServerCertificate | undefined>
}

export interface CertificateSourceDeps {
  /** Of the operator; undefined: one is made and kept in the data folder. */
  files: { readonly certificate: string; readonly key: string } | undefined
  dataDir: string
  /** Names and addresses under which clients reach the relay. */
  names: readonly string[]
  clock: Clock
  log: Logger
}

export function createCertificateSource(deps: CertificateSourceDeps): CertificateSource {
  const { dataDir, names, clock, log } = deps
  const own = {
    certificate: join(dataDir, RELAY_CERTIFICATE_FILE),
    key: join(dataDir, RELAY_KEY_FILE),
  }
  const files = deps.files ?? own
  let seen = ''

  /** What of the made pair is on disk and still good for a while; a crash can leave halves of two pairs. */
  function findKept(): ServerCertificate | undefined {
    try {
      const pair = readPair(own)
      const certificate = new X509Certificate(pair.certificate)
      const leftMs = certificate.validToDate.getTime() - clock.now()
      const isFor = (name: string) =>
        certificate.checkHost(name) !== undefined || certificate.checkIP(name) !== undefined
      return leftMs > RENEWED_BEFORE_MS && names.every(isFor) ? pair : undefined
    } catch {
      return undefined
    }
  }

  async function make(): Promise<void> {
    const pair = await makeServerCertificate({ names, days: DAYS, clock })
    writePrivateFile(own.key, pair.key.reveal())
    writePrivateFile(own.certificate, pair.certificate)
    log.info({ file: own.certificate, names }, 'relay certificate made')
  }

  return {
    async next() {
      if (deps.files === undefined && findKept() === undefined) await make()
      const stamp = `${stampOf(files.certificate)} ${stampOf(files.key)}`
      if (stamp === seen) return undefined
      const pair = readPair(files)
      seen = stamp
      return pair
    },
  }
}

function stampOf(file: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(file)
    return `${mtimeMs}/${size}/${ino}`
  } catch (cause) {
    throw unusable(file, cause)
  }
}

/** Throws relay_certificate_unusable. */
function readPair(files: { certificate: string; key: string }): ServerCertificate {
  const certificate = readText(files.certificate)
  const key = readText(files.key)
  let belongs: boolean
  try {
    belongs = new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))
    // OpenSSL also looks at the rest of the chain, and refuses what is too weak.
    if (belongs) createSecureContext({ cert: certificate, key, minVersion: LOWEST_TLS_VERSION })
  } catch (cause) {
    throw unusable(`${files.certificate} with ${files.key}`, cause)
  }
  if (!belongs) {
    throw new PosternError(
      `The relay cannot offer TLS: the key in ${files.key} does not belong to the certificate in ${files.certificate}. Put both files of one pair there.`,
      { kind: 'invalid', code: 'relay_certificate_unusable' },
    )
  }
  return { certificate, key: new Secret(key) }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    throw unusable(file, cause)
  }
}

function unusable(file: string, cause: unknown): PosternError {
  const why = codeOf(cause) === 'ENOENT' ? 'there is no such file' : messageOf(cause)
  return new PosternError(
    `The relay cannot offer TLS, because ${file} cannot be used: ${why}. Put a certificate and its key there in PEM form.`,
    { kind: 'invalid', code: 'relay_certificate_unusable', cause },
  )
}
