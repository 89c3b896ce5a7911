import { createAccess, SCOPES, type Scope, type Tokens, type TokenView } from '../access/index.ts'
import { loadConfig } from '../config/index.ts'
import { PosternError } from '../platform/errors.ts'
import { openStorage } from '../storage/index.ts'
import { CLI_ACTOR } from './cli-actor.ts'
import type { Arguments, CliContext, RunCommand } from './command.ts'
import { EXIT_OK } from './exit-codes.ts'
import { openLog } from './log.ts'
import { renderTable } from './table.ts'

const ACTIONS = { create, list, revoke }

export const run: RunCommand = async (context, args) => {
  const [action = ''] = args.positionals
  if (action !== 'create' && action !== 'list' && action !== 'revoke') {
    throw usage('say what to do: token create NAME --scope monitor, token list, or token revoke ID')
  }
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
  await ACTIONS[action](access.tokens, context, args)
  return EXIT_OK
}

async function create(tokens: Tokens, { stdout }: CliContext, args: Arguments): Promise<void> {
  const [, name] = args.positionals
  const scope = args.text('scope')
  if (name === undefined) throw usage('name the token: token create NAME --scope monitor')
  if (scope === undefined)
    throw usage('say what it may do: --scope admin, operator, send or monitor')
  const created = await tokens.create(
    {
      name,
      scopes: scope.split(',').map(readScope),
      expiresAt: args.text('expires-at') ?? null,
    },
    CLI_ACTOR,
  )
  stdout.write(args.flag('json') ? `${JSON.stringify(created)}\n` : `${created.token}\n`)
}

function readScope(text: string): Scope {
  const scope = SCOPES.find((known) => known === text.trim())
  if (scope === undefined) throw usage(`"${text.trim()}" is no scope: use ${SCOPES.join(', ')}`)
  return scope
}

async function list(tokens: Tokens, { stdout }: CliContext, args: Arguments): Promise<void> {
  const all = await tokens.list()
  if (args.flag('json')) stdout.write(`${JSON.stringify({ tokens: all })}\n`)
  else
    stdout.write(
      renderTable(['ID', 'NAME', 'SCOPES', 'TOKEN', 'EXPIRES', 'LAST USED', 'STATE'], all.map(row)),
    )
}

function row(token: TokenView): readonly string[] {
  return [
    token.id,
    token.name,
    token.scopes.join(','),
    `${token.hint}…`,
    token.expiresAt ?? 'never',
    token.lastUsedAt ?? 'never',
    token.revokedAt === null ? 'valid' : 'revoked',
  ]
}

async function revoke(tokens: Tokens, { stdout }: CliContext, args: Arguments): Promise<void> {
  const [, id] = args.positionals
  if (id === undefined)
    throw usage('name the token by its id: token revoke ID (token list shows them)')
  await tokens.revoke(id, CLI_ACTOR)
  stdout.write(
    args.flag('json') ? `${JSON.stringify({ revoked: id })}\n` : `Token ${id} is revoked.\n`,
  )
}

function usage(message: string): PosternError {
  return new PosternError(`token: ${message}.`, { kind: 'invalid', code: 'usage' })
}
