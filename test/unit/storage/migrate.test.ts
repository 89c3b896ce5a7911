import Sqlite from 'better-sqlite3'
import { expect, test } from 'vitest'
import { readMigrations } from '../../../src/storage/index.ts'
import { migrate, schemaVersion } from '../../../src/storage/migrate.ts'

const migrations = readMigrations()

/** One filled row for every table, by the migration that made it; later migrations must keep it. */
const FILLED: readonly {
  upTo: number
  table: string
  insert: string
  /** From a later migration on. */
  changed?: { from: number; insert: string }
}[] = [
  {
    upTo: 1,
    table: 'api_token',
    insert: `insert into api_token values ('t','name','hash','pst_','["admin"]',1,'cli',2,3,null)`,
  },
  {
    upTo: 1,
    table: 'audit',
    insert: `insert into audit values (1,1,'cli',null,'cli',null,'token.created','token','t','{}')`,
  },
  { upTo: 2, table: 'profile', insert: `insert into profile values ('p',1,'{}',0,1,1)` },
  {
    upTo: 2,
    table: 'credential',
    insert: `insert into credential (id, profile_id, state, type, sealed, hint, expires_at, expiry_source, created_at)
      values ('c','p','active','clientSecret','sealed','abC',9,'typed',1)`,
  },
  {
    upTo: 3,
    table: 'report',
    insert: `insert into report values ('r','p','schedule','ok',null,1,2,'{}')`,
  },
  {
    upTo: 3,
    table: 'profile_health',
    insert: `insert into profile_health values ('p','ok',1,0,1,1,1,'r',null)`,
  },
  { upTo: 4, table: 'expiry_reminder', insert: `insert into expiry_reminder values ('c',30,1)` },
  {
    upTo: 5,
    table: 'alert',
    insert: `insert into alert values ('a','verification:p','p','verification','critical','s',null,'[]','open',1,1,null,null,null,null,null,null)`,
  },
  {
    upTo: 5,
    table: 'alert_notification',
    insert: `insert into alert_notification values ('n','a','opened','it@contoso.com','pending',0,1,1,null,null,null)`,
  },
  {
    upTo: 6,
    table: 'sync_run',
    insert: `insert into sync_run values (1,1,'/f.yaml','hash','applied','{}')`,
  },
  {
    upTo: 8,
    table: 'credential_renewal',
    insert: `insert into credential_renewal values ('w','p','active','k','f',1,2,3,null)`,
    changed: {
      from: 9,
      insert: `insert into credential_renewal values ('w','p','p','certificate','active','k','A1','f','B2','sealed',1,1,2,3,null)`,
    },
  },
  {
    upTo: 10,
    table: 'test_email',
    insert: `insert into test_email values ('p','it@contoso.com',1,null,'{}')`,
  },
  {
    upTo: 11,
    table: 'message',
    insert: `insert into message values (1,'m','p','relay',3,'relay:c','failed','A@x','a@x',0,1,null,null,'a@x','s','<m>',0,
      'b@x',5,1,1,1,1,null,2,'{}','550',null,1,1)`,
  },
  {
    upTo: 11,
    table: 'message_recipient',
    insert: `insert into message_recipient values (1,0,'B@x','b@x',null,null,'failed','550','c',1,2)`,
  },
  {
    upTo: 11,
    table: 'message_attempt',
    insert: `insert into message_attempt values (1,1,1,2,'failed','h:25',1,'550','{}')`,
  },
  {
    upTo: 11,
    table: 'message_chunk',
    insert: `insert into message_chunk values (1,null,0,x'00')`,
  },
  { upTo: 11, table: 'intake', insert: `insert into intake values ('i',1,1,5,0)` },
  {
    upTo: 11,
    table: 'idempotency_key',
    insert: `insert into idempotency_key values ('c','k','f','m',1)`,
  },
  { upTo: 11, table: 'outbox_hold', insert: `insert into outbox_hold values ('p','',1,'{}',2,0)` },
  { upTo: 11, table: 'mailbox_hour', insert: `insert into mailbox_hour values ('h',1,1)` },
  { upTo: 11, table: 'outbox_report', insert: `insert into outbox_report values ('p',1)` },
  {
    upTo: 11,
    table: 'outbox_total',
    insert: `update outbox_total set amount = 5`,
  },
  {
    upTo: 12,
    table: 'relay_client',
    insert: `insert into relay_client values ('rc','Printer','printer','{}','chosen','hash','abc',1,1,2,3)`,
  },
]

test.each(migrations.map(({ number, name }) => ({ number, name })))(
  'a filled database of schema $number ($name) migrates to the newest and keeps every row',
  ({ number }) => {
    const sqlite = new Sqlite(':memory:')
    sqlite.pragma('foreign_keys = ON')
    migrate(sqlite, migrations.slice(0, number))
    const filled = FILLED.filter(({ upTo }) => upTo <= number)
    for (const { insert, changed } of filled) {
      sqlite.exec(changed !== undefined && changed.from <= number ? changed.insert : insert)
    }
    const rows = (table: string) => sqlite.prepare(`select * from ${table}`).all()
    const before = filled.map(({ table }) => rows(table))

    expect(migrate(sqlite, migrations)).toBe(migrations.length - number)

    expect(schemaVersion(sqlite)).toBe(migrations.length)
    filled.forEach(({ table }, index) => {
      expect(rows(table)).toMatchObject(before[index] ?? [])
    })
    expect(sqlite.pragma('foreign_key_check')).toEqual([])
    sqlite.close()
  },
)

test('every table is strict and is filled by the migration test', () => {
  const sqlite = new Sqlite(':memory:')
  migrate(sqlite, migrations)
  const tables = sqlite
    .prepare<[], { name: string; sql: string }>(
      `select name, sql from sqlite_schema where type = 'table'`,
    )
    .all()
  expect(tables.filter(({ sql }) => !/\)( without rowid,)? strict$/i.test(sql))).toEqual([])
  expect(tables.map(({ name }) => name).sort()).toEqual(FILLED.map(({ table }) => table).sort())
  sqlite.close()
})

test('a migration that fails leaves the older schema whole', () => {
  const sqlite = new Sqlite(':memory:')
  migrate(sqlite, migrations.slice(0, 1))
  const broken = [
    ...migrations.slice(0, 1),
    { number: 2, name: 'good', sql: 'create table good (x integer) strict;' },
    { number: 3, name: 'bad', sql: 'create table bad (x nonsense) strict;' },
  ]
  expect(() => migrate(sqlite, broken)).toThrow()
  expect(schemaVersion(sqlite)).toBe(1)
  expect(sqlite.prepare(`select 1 from sqlite_schema where name = 'good'`).get()).toBeUndefined()
  sqlite.close()
})

test.each([true, false])(
  'mail of a held sender has its index, whether the file had it before: %s',
  (hasIndex) => {
    const sqlite = new Sqlite(':memory:')
    migrate(sqlite, migrations.slice(0, 12))
    const index = sqlite.prepare<[], { sql: string }>(
      `select sql from sqlite_schema where name = 'message_held_sender'`,
    )
    expect(index.get()).toBeUndefined()
    if (hasIndex) sqlite.exec(migrations[12]?.sql ?? '')
    migrate(sqlite, migrations)
    expect(index.get()?.sql).toContain(`where state = 'held'`)
    sqlite.close()
  },
)
