import { createAccess, SCOPES, type Scope, type Tokens, type TokenView } from '../access/index.ts'
import { loadConfig } from '../config/index.ts'
import { parseInstant } from '../platform/clock.ts'
import { PosternError } from '../platform/errors.ts'
import { openStorage } from '../storage/index.ts'
import { CLI_ACTOR } from './cli-actor.ts'
import type { Arguments, CliContext, RunCommand } from './command.ts'
import { EXIT_OK } from './exit-codes.ts'
import { openLog } from './log.ts'
import { renderTable } from './table.ts'

/** What is left to do once the arguments have been understood. */
type Job = (tokens: Tokens, context: CliContext) => Promise<void>

export const run: RunCommand = async (context, args) => {
  const job = readJob(args)
  const { env, stderr, clock } = context
  const config = loadConfig({ env, isTerminal: stderr.isTTY === true })
  const log = await openLog({ ...config.log, level: 'warn' }, stderr)
  await using storage = await openStorage({
    dataDir: config.dataDir,
    masterKey: config.masterKey,
    role: 'companion',
    clock,
    log,
  })
  await using access = createAccess({ storage, clock, log })
  await job(access.tokens, context)
  return EXIT_OK
}

function readJob(args: Arguments): Job {
  const [action, subject] = args.positionals
  if (action === 'create') return createJob(subject, args)
  if (action === 'list') return listJob(args)
  if (action === 'revoke') return revokeJob(subject, args)
  throw usage('say what to do: token create NAME --scope monitor, token list, or token revoke ID')
}

function createJob(name: string | undefined, args: Arguments): Job {
  const scope = args.text('scope')
  if (name === undefined) throw usage('name the token: token create NAME --scope monitor')
  if (scope === undefined) {
    throw usage('say what it may do: --scope admin, operator, send or monitor')
  }
  const scopes = scope.split(',').map(readScope)
  const expiresAt = args.text('expires-at') ?? null
  return async (tokens, { stdout }) => {
    const created = await tokens.create({ name, scopes, expiresAt }, CLI_ACTOR)
    stdout.write(args.flag('json') ? `${JSON.stringify(created)}\n` : `${created.token}\n`)
  }
}

function readScope(text: string): Scope {
  const scope = SCOPES.find((known) => known === text.trim())
  if (scope === undefined) throw usage(`"${text.trim()}" is no scope: use ${SCOPES.join(', ')}`)
  return scope
}

const HEAD = ['ID', 'NAME', 'SCOPES', 'TOKEN', 'EXPIRES', 'LAST USED', 'STATE']

function listJob(args: Arguments): Job {
  return async (tokens, { stdout, clock }) => {
    const all = await tokens.list()
    const rows = all.map((token) => row(token, clock.now()))
    stdout.write(
      args.flag('json') ? `${JSON.stringify({ tokens: all })}\n` : renderTable(HEAD, rows),
    )
  }
}

function row(token: TokenView, now: number): readonly string[] {
  return [
    token.id,
    token.name,
    token.scopes.join(','),
    `${token.hint}…`,
    token.expiresAt ?? 'never',
    token.lastUsedAt ?? 'never',
    stateOf(token, now),
  ]
}

function stateOf({ revokedAt, expiresAt }: TokenView, now: number): string {
  if (revokedAt !== null) return 'revoked'
  const end = expiresAt === null ? undefined : parseInstant(expiresAt)
  return end !== undefined && end <= now ? 'expired' : 'valid'
}

function revokeJob(id: string | undefined, args: Arguments): Job {
  if (id === undefined) {
    throw usage('name the token by its id: token revoke ID (token list shows them)')
  }
  return async (tokens, { stdout }) => {
    await tokens.revoke(id, CLI_ACTOR)
    const said = args.flag('json') ? JSON.stringify({ revoked: id }) : `Token ${id} is revoked.`
    stdout.write(`${said}\n`)
  }
}

function usage(message: string): PosternError {
  return new PosternError(`token: ${message}.`, { kind: 'invalid', code: 'usage' })
}
