import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { Secret } from '../../../src/platform/secret.ts'
import { openStorage, type StorageOptions, writePrivateFile } from '../../../src/storage/index.ts'
import { storageError } from '../../../src/storage/sqlite.ts'
import { createFakeClock } from '../../support/clock.ts'
import { temporaryFolder } from '../../support/folder.ts'
import { captureLog } from '../../support/log.ts'
import { skipFor } from '../../support/skip.ts'

function options(dataDir: string, more: Partial<StorageOptions> = {}): StorageOptions {
  return { dataDir, role: 'agent', clock: createFakeClock(), log: captureLog().log, ...more }
}

function digest(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex')
}

const token = {
  id: 'one',
  name: 'n',
  hash: 'h',
  hint: 'pst_',
  scopes: '[]',
  created_at: 1,
  created_by: 'test',
  expires_at: null,
  last_used_at: null,
  revoked_at: null,
}

test('an empty folder becomes a database in WAL mode with durable commits and enforced keys', async () => {
  using folder = temporaryFolder()
  const dataDir = join(folder.path, 'new')
  await using storage = await openStorage(options(dataDir))
  await storage.db.insertInto('api_token').values(token).execute()
  expect(existsSync(join(dataDir, 'postern.db-wal'))).toBe(true)
  expect(statSync(join(dataDir, 'master.key')).mode & 0o777).toBe(0o600)
  await expect(
    storage.db
      .insertInto('expiry_reminder')
      .values({ credential_id: 'nobody', threshold_days: 1, reminded_at: 1 })
      .execute(),
  ).rejects.toThrow(/FOREIGN KEY/)
})

test('what was committed is there after the next open', async () => {
  using folder = temporaryFolder()
  {
    await using storage = await openStorage(options(folder.path))
    await storage.db.insertInto('api_token').values(token).execute()
  }
  await using storage = await openStorage(options(folder.path))
  expect(await storage.db.selectFrom('api_token').selectAll().execute()).toEqual([token])
})

test('a second agent on the same folder is refused by name, and free once the first has ended', async () => {
  using folder = temporaryFolder()
  {
    await using _first = await openStorage(options(folder.path))
    await expect(openStorage(options(folder.path))).rejects.toMatchObject({
      kind: 'conflict',
      code: 'data_folder_in_use',
      message: expect.stringContaining(`process ${process.pid}`),
    })
  }
  await using _next = await openStorage(options(folder.path))
})

test('a companion works beside the agent and sees its rows', async () => {
  using folder = temporaryFolder()
  await using agent = await openStorage(options(folder.path))
  await using companion = await openStorage(options(folder.path, { role: 'companion' }))
  const before = agent.foreignChanges()
  await companion.db.insertInto('api_token').values(token).execute()
  expect(agent.foreignChanges()).not.toBe(before)
  expect(await agent.db.selectFrom('api_token').select('id').execute()).toEqual([{ id: 'one' }])
})

test('a companion without a database is told to start the agent', async () => {
  using folder = temporaryFolder()
  await expect(openStorage(options(folder.path, { role: 'companion' }))).rejects.toMatchObject({
    code: 'database_missing',
  })
  expect(existsSync(join(folder.path, 'postern.db'))).toBe(false)
})

test('a damaged database stops the start with a sentence and stays as it is', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'postern.db')
  {
    await using storage = await openStorage(options(folder.path))
    await storage.db.insertInto('api_token').values(token).execute()
  }
  const bytes = readFileSync(file)
  randomBytes(4096).copy(bytes, 4096)
  writeFileSync(file, bytes)
  const before = digest(file)
  await expect(openStorage(options(folder.path))).rejects.toMatchObject({
    code: 'database_damaged',
    message: expect.stringMatching(/is damaged.*restore the newest backup/),
  })
  expect(digest(file)).toBe(before)
})

test('a file that is no database at all stops the start likewise', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'postern.db')
  writeFileSync(
    file,
    'this is a text file, not a database, and long enough to be looked at as one '.repeat(50),
  )
  const before = digest(file)
  await expect(openStorage(options(folder.path))).rejects.toMatchObject({
    code: 'database_damaged',
  })
  expect(digest(file)).toBe(before)
})

test('a database of a newer version stops the start and stays as it is', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'postern.db')
  {
    const sqlite = new Sqlite(file)
    sqlite.pragma('user_version = 9999')
    sqlite.exec('create table future (x integer)')
    sqlite.close()
  }
  const before = digest(file)
  await expect(openStorage(options(folder.path))).rejects.toMatchObject({
    code: 'database_newer',
    message: expect.stringContaining('schema 9999'),
  })
  expect(digest(file)).toBe(before)
})

test('a locked database is a sentence, not a crash', async () => {
  using folder = temporaryFolder()
  await using storage = await openStorage(options(folder.path))
  const intruder = new Sqlite(join(folder.path, 'postern.db'))
  intruder.exec('begin immediate')
  try {
    await expect(storage.db.insertInto('api_token').values(token).execute()).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'database_locked',
    })
  } finally {
    intruder.exec('rollback')
    intruder.close()
  }
  await storage.db.insertInto('api_token').values(token).execute()
})

test('a damaged key file is put aside, told, and replaced, so that the agent starts', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'master.key')
  writeFileSync(file, 'not a key')
  const { log, lines } = captureLog()
  {
    await using storage = await openStorage(options(folder.path, { log }))
    expect(readFileSync(file, 'utf8')).not.toContain('not a key')
    expect(storage.keyRing.keyId).toMatch(/^[0-9a-f]{16}$/)
  }
  const [aside = ''] = readdirSync(folder.path).filter((name) => name.includes('damaged'))
  expect(readFileSync(join(folder.path, aside), 'utf8')).toBe('not a key')
  expect(lines.join('')).toContain('master key file damaged')
})

test('a command beside the agent leaves a damaged key file alone', async () => {
  using folder = temporaryFolder()
  await using _agent = await openStorage(options(folder.path))
  writeFileSync(join(folder.path, 'master.key'), 'not a key')
  await expect(openStorage(options(folder.path, { role: 'companion' }))).rejects.toMatchObject({
    code: 'master_key_invalid',
    message: expect.stringContaining('master.key'),
  })
})

test('a key given in the settings wins over the file', async () => {
  using folder = temporaryFolder()
  writeFileSync(join(folder.path, 'master.key'), 'not a key')
  const masterKey = new Secret(randomBytes(32).toString('base64'))
  await using _storage = await openStorage(options(folder.path, { masterKey }))
  expect(readFileSync(join(folder.path, 'master.key'), 'utf8')).toBe('not a key')
})

test('a private file is written anew with its own mode, whatever a crash has left', () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'token')
  writeFileSync(`${file}.new`, 'left over', { mode: 0o644 })
  writePrivateFile(file, 'whole')
  expect(readFileSync(file, 'utf8')).toBe('whole')
  expect(statSync(file).mode & 0o777).toBe(0o600)
  expect(readdirSync(folder.path)).toEqual(['token'])
})

test('a folder that cannot be made is refused with its name', async () => {
  using folder = temporaryFolder()
  const file = join(folder.path, 'file')
  writeFileSync(file, '')
  await expect(openStorage(options(join(file, 'data')))).rejects.toMatchObject({
    code: 'data_folder_unusable',
  })
})

test.for<[string, Record<string, number>]>([
  ['the folder is closed', { '.': 0o700 }],
  ['the file is closed', { '.': 0o755, 'postern.db': 0o600 }],
  ['the file may only be read', { '.': 0o755, 'postern.db': 0o644, 'master.key': 0o644 }],
  ['the key is closed', { '.': 0o777, 'postern.db': 0o666, 'master.key': 0o600 }],
])('another user is told that he may not, when %s', async ([, modes], context) => {
  if (process.geteuid?.() !== 0) skipFor(context, 'only root can run a process as another user')
  using folder = temporaryFolder()
  {
    await using _storage = await openStorage(options(folder.path))
  }
  for (const [name, mode] of Object.entries(modes)) chmodSync(join(folder.path, name), mode)
  const script = join(import.meta.dirname, 'other-user.ts')
  const { stdout } = await promisify(execFile)(process.execPath, [script, folder.path, '65534'])
  expect(JSON.parse(stdout)).toEqual({
    code: 'data_folder_unusable',
    message: expect.stringMatching(
      /by the user \S+, who may not.*Run this as the user that runs the agent/,
    ),
  })
})

test.each([
  ['SQLITE_CANTOPEN', 'data_folder_unusable'],
  ['SQLITE_READONLY_DIRECTORY', 'data_folder_unusable'],
  ['SQLITE_AUTH', 'data_folder_unusable'],
  ['EACCES', 'data_folder_unusable'],
  ['EPERM', 'data_folder_unusable'],
  ['SQLITE_IOERR_READ', 'storage_failed'],
  ['SQLITE_CORRUPT_INDEX', 'database_damaged'],
  ['SQLITE_NOTADB', 'database_damaged'],
  ['SQLITE_NOMEM', undefined],
])('%s of the file means %s', (code, expected) => {
  expect(storageError(Object.assign(new Error('x'), { code }))?.code).toBe(expected)
})
