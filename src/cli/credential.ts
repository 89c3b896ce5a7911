import {
  type ClientCertificateFacts,
  certificateFactsOf,
  createSelfSignedCertificate,
} from '../entra/index.ts'
import { PosternError } from '../platform/errors.ts'
import type { Arguments, CliContext, RunCommand } from './command.ts'
import { freePairFiles, stemOf, writePair } from './credential/files.ts'
import {
  type CredentialFile,
  problemsOf,
  readCredentialFile,
} from './credential/read-credential-file.ts'
import { factsForJson, renderFacts, renderFiles, renderSteps } from './credential/report.ts'
import { EXIT_FAILED, EXIT_OK } from './exit-codes.ts'

/** What is left to do once the arguments have been understood; resolves with the exit code. */
type Job = (context: CliContext) => Promise<number>

export const run: RunCommand = async (context, args) => readJob(args)(context)

function readJob(args: Arguments): Job {
  const [action, subject] = args.positionals
  if (action === 'new-certificate') return newCertificateJob(subject, args)
  if (action === 'show') return showJob(subject, args)
  throw usage('say what to do: credential new-certificate [NAME], or credential show FILE')
}

const DEFAULT_NAME = 'postern'
const DEFAULT_DAYS = 365
/** Three years: what an operator still remembers, and more than most policies of organisations allow. */
const MOST_DAYS = 1_095
/** It names the files, too. */
const NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/

function newCertificateJob(name = DEFAULT_NAME, args: Arguments): Job {
  refuse(args, 'new-certificate', ['key', 'password-file', 'pem-out'])
  if (!NAME.test(name)) {
    throw usage(
      `"${name}" cannot name the files: use up to 64 letters, digits, dots, dashes and underscores`,
    )
  }
  const days = readDays(args.text('days'))
  const folder = args.text('out') ?? '.'
  return async ({ stdout, clock }) => {
    const files = await freePairFiles(folder, name)
    const pair = await createSelfSignedCertificate({ commonName: name, days, clock })
    const facts = readFacts(pair.certificate)
    await writePair(files, pair)
    stdout.write(
      args.flag('json')
        ? `${JSON.stringify({ ...factsForJson(facts), ...files })}\n`
        : `${renderFacts(facts)}${renderFiles(files)}${renderSteps(files)}`,
    )
    return EXIT_OK
  }
}

function readDays(text: string | undefined): number {
  if (text === undefined) return DEFAULT_DAYS
  const days = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (days < 1 || days > MOST_DAYS) {
    throw usage(`--days must be a whole number from 1 to ${MOST_DAYS}`)
  }
  return days
}

function showJob(file: string | undefined, args: Arguments): Job {
  refuse(args, 'show', ['days', 'out'])
  if (file === undefined) throw usage('name the PEM or PFX file: credential show FILE')
  const keyFile = args.text('key')
  const passwordFile = args.text('password-file')
  const folder = args.text('pem-out')
  return async ({ stdout, clock }) => {
    const read = await readCredentialFile({ file, keyFile, passwordFile })
    const facts = readFacts(read.certificate)
    const problems = problemsOf(read, clock.now())
    const files = folder === undefined ? undefined : await convert(read, file, folder)
    const hasPrivateKey = read.privateKey !== undefined
    if (args.flag('json')) {
      const shown = { ...factsForJson(facts), hasPrivateKey, problems, ...files }
      stdout.write(`${JSON.stringify(shown)}\n`)
    } else {
      stdout.write(renderFacts(facts))
      if (files !== undefined) stdout.write(renderFiles(files))
      stdout.write(`\n${renderVerdict(problems, hasPrivateKey)}`)
      if (files !== undefined && problems.length === 0) stdout.write(renderSteps(files))
    }
    return problems.length === 0 ? EXIT_OK : EXIT_FAILED
  }
}

async function convert({ certificate, privateKey }: CredentialFile, file: string, folder: string) {
  if (privateKey === undefined) {
    throw usage(`${file} holds no private key: --pem-out needs one, for example with --key FILE`)
  }
  const files = await freePairFiles(folder, stemOf(file))
  await writePair(files, { certificate, privateKey })
  return files
}

function renderVerdict(problems: readonly string[], hasPrivateKey: boolean): string {
  if (problems.length > 0) return problems.map((problem) => `Problem: ${problem}\n`).join('')
  return hasPrivateKey
    ? 'Certificate and private key belong together and can be used.\n'
    : 'The certificate can be used. Its private key is not in this file: name it with --key FILE to check both.\n'
}

function readFacts(certificate: string): ClientCertificateFacts {
  const facts = certificateFactsOf(certificate)
  if (facts === undefined) {
    throw usage('the certificate in this file is damaged: copy or export it again')
  }
  return facts
}

function refuse(args: Arguments, action: string, options: readonly string[]): void {
  const wrong = options.find((option) => args.text(option) !== undefined)
  if (wrong !== undefined) throw usage(`--${wrong} does not belong to credential ${action}`)
}

function usage(message: string): PosternError {
  return new PosternError(`credential: ${message}.`, { kind: 'invalid', code: 'usage' })
}
