import { readFileSync } from 'node:fs'
import { createAudit } from '../access/index.ts'
import { loadConfig } from '../config/index.ts'
import { messageOf, PosternError } from '../platform/errors.ts'
import { createEventBus } from '../platform/events.ts'
import { createProfiles, type Profiles } from '../profiles/index.ts'
import {
  createRelayClients,
  FROM_POLICIES,
  REPAIRS,
  type RelayClientInput,
  type RelayClientSaved,
  type RelayClients,
  type RelayClientView,
} from '../relay/index.ts'
import { openStorage } from '../storage/index.ts'
import { CLI_ACTOR } from './cli-actor.ts'
import type { Arguments, CliContext, RunCommand } from './command.ts'
import { EXIT_OK } from './exit-codes.ts'
import { openLog } from './log.ts'
import { renderTable } from './table.ts'

/** What is left to do once the arguments have been understood. */
type Job = (clients: RelayClients, profiles: Profiles, context: CliContext) => Promise<void>

export const run: RunCommand = async (context, args) => {
  const job = readJob(args)
  const { env, stderr, clock } = context
  const config = loadConfig({ env, isTerminal: stderr.isTTY === true })
  const log = await openLog({ ...config.log, level: 'error' }, stderr)
  await using storage = await openStorage({
    dataDir: config.dataDir,
    masterKey: config.masterKey,
    role: 'companion',
    clock,
    log,
  })
  const audit = createAudit({ storage, clock })
  const profiles = await createProfiles({
    storage,
    audit,
    clock,
    log,
    events: createEventBus({ log }),
    allowCustomCloud: config.allowCustomCloud,
    settingsFile: config.settingsFile,
  })
  await using clients = await createRelayClients({ storage, profiles, audit, clock, log })
  await job(clients, profiles, context)
  return EXIT_OK
}

function readJob(args: Arguments): Job {
  const [action, subject] = args.positionals
  if (action === 'create') return createJob(subject, args)
  if (action === 'list') return listJob(args)
  if (action === 'revoke') return revokeJob(subject, args)
  throw usage('say what to do: client create NAME, client list, or client revoke ID')
}

function createJob(name: string | undefined, args: Arguments): Job {
  if (name === undefined) throw usage('name the client: client create scanner')
  const passwordFile = args.text('password-file')
  const addresses = listOf(args.text('address'))
  if (passwordFile !== undefined && addresses.length > 0) {
    throw usage('use --address for a client without a login, or --password-file, not both')
  }
  const input: Omit<RelayClientInput, 'profileId'> = {
    name,
    allowedFrom: listOf(args.text('allowed-from')),
    repair: readRepair(listOf(args.text('repair'))),
    fromPolicy: readPolicy(args.text('from-policy') ?? 'reject'),
    username: args.text('username') ?? null,
    ...(addresses.length > 0 && { authentication: 'address', addresses }),
    ...(passwordFile !== undefined && {
      authentication: 'password',
      password: readPassword(passwordFile),
    }),
  }
  return async (clients, profiles, { stdout }) => {
    const profileId = args.text('profile') ?? onlyProfile(profiles)
    const saved = await clients.create({ ...input, profileId }, CLI_ACTOR)
    stdout.write(args.flag('json') ? `${JSON.stringify(saved)}\n` : shown(saved))
  }
}

function shown({ id, username, secret, addresses }: RelayClientSaved): string {
  if (username === null) return `Client ${id} needs no login from ${addresses.join(', ')}.\n`
  const password = secret ?? '(the one in the file)'
  return `username ${username}\npassword ${password}\n`
}

function onlyProfile(profiles: Profiles): string {
  const [only, ...more] = profiles.list()
  if (only !== undefined && more.length === 0) return only.id
  throw usage(
    only === undefined
      ? 'there is no profile yet: create one first'
      : 'say by which profile its mail is sent: --profile NAME',
  )
}

function readPolicy(text: string) {
  const policy = FROM_POLICIES.find((known) => known === text)
  if (policy === undefined) throw usage(`"${text}" is no policy: use ${FROM_POLICIES.join(', ')}`)
  return policy
}

function readRepair(names: readonly string[]) {
  for (const name of names) {
    if (REPAIRS.some((known) => known === name)) continue
    throw usage(`"${name}" cannot be repaired: use ${REPAIRS.join(', ')}`)
  }
  return Object.fromEntries(REPAIRS.map((repair) => [repair, names.includes(repair)]))
}

function readPassword(file: string): string {
  try {
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '')
  } catch (cause) {
    throw usage(`${file} cannot be read: ${messageOf(cause)}`)
  }
}

function listOf(text: string | undefined): string[] {
  return (text ?? '').split(',').flatMap((part) => (part.trim() === '' ? [] : [part.trim()]))
}

const HEAD = ['ID', 'NAME', 'LOGIN', 'PROFILE', 'SENDS AS', 'LAST USED', 'STATE']

function listJob(args: Arguments): Job {
  return async (clients, _, { stdout }) => {
    const all = await clients.list()
    stdout.write(
      args.flag('json') ? `${JSON.stringify({ clients: all })}\n` : renderTable(HEAD, all.map(row)),
    )
  }
}

function row(client: RelayClientView): readonly string[] {
  const { allowedFrom, fromPolicy } = client
  const senders = allowedFrom.length === 0 ? 'the profile' : allowedFrom.join(',')
  return [
    client.id,
    client.name,
    client.username ?? client.addresses.join(','),
    client.profileId,
    `${senders} (others: ${fromPolicy})`,
    client.lastUsedAt ?? 'never',
    client.enabled ? 'enabled' : 'off',
  ]
}

function revokeJob(id: string | undefined, args: Arguments): Job {
  if (id === undefined) {
    throw usage('name the client by its id: client revoke ID (client list shows them)')
  }
  return async (clients, _, { stdout }) => {
    await clients.remove(id, CLI_ACTOR)
    const said = args.flag('json') ? JSON.stringify({ revoked: id }) : `Client ${id} is revoked.`
    stdout.write(`${said}\n`)
  }
}

function usage(message: string): PosternError {
  return new PosternError(`client: ${message}.`, { kind: 'invalid', code: 'usage' })
}
