import { join } from 'node:path'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { createQueryBuilder, openSqlite } from '../../../src/storage/sqlite.ts'
import { temporaryFolder } from '../../support/folder.ts'

test('a transaction that SQLite itself has rolled back fails with the reason, and the next one works', async () => {
  using folder = temporaryFolder()
  const sqlite = openSqlite(join(folder.path, 'small.db'), 0)
  await using db = createQueryBuilder(sqlite)
  await sql`create table note (text text) strict`.execute(db)
  const pages = Number(sqlite.pragma('page_count', { simple: true }))
  sqlite.pragma(`max_page_count = ${pages + 2}`)
  const write = (text: string) =>
    db.transaction().execute(async (transaction) => {
      await sql`insert into note values ('before')`.execute(transaction)
      await sql`insert into note values (${text})`.execute(transaction)
    })
  await expect(write('x'.repeat(100_000))).rejects.toMatchObject({ code: 'disk_full' })
  expect((await sql`select * from note`.execute(db)).rows).toEqual([])
  await write('small')
  expect((await sql`select * from note`.execute(db)).rows).toHaveLength(2)
})
