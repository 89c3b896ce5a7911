import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { startAgent, type TestAgent } from '../support/agent.ts'
import { fillDisk, smallDisk } from '../support/disk.ts'
import { skipFor } from '../support/skip.ts'

async function create(agent: TestAgent): Promise<void> {
  expect((await agent.call('POST', 'profiles', agent.profile())).status).toBe(201)
  await agent.agent.idle()
}

function rename(agent: TestAgent, senderDisplayName: string) {
  const changed = agent.profile({ senderDisplayName })
  return agent.call('PUT', 'profiles/default', changed, { 'if-match': '*' })
}

it('a full disk refuses changes, keeps the answers coming, and is over when there is room again', async (context) => {
  const disk = smallDisk(6)
  if (typeof disk === 'string') return skipFor(context, disk)
  using folder = disk
  await using agent = await startAgent({ folder })
  await create(agent)
  const ballast = join(folder.path, 'ballast')
  fillDisk(ballast)

  // What SQLite had allocated before may take a change or two.
  let kept = 'Process Alerts'
  let refused = await rename(agent, 'Name 0')
  for (let i = 1; refused.status === 200 && i < 50; i++) {
    kept = `Name ${i - 1}`
    refused = await rename(agent, `Name ${i}`)
  }
  expect([refused.status, refused.body.code]).toEqual([503, 'disk_full'])
  expect(refused.body.detail).toContain('Postern goes on by itself')
  expect((await agent.call('GET', 'profiles/default')).body.senderDisplayName).toBe(kept)
  const verified = await agent.call('POST', 'profiles/default/verify', {})
  expect([verified.status, verified.body.code]).toEqual([503, 'disk_full'])
  expect((await agent.call('GET', 'status')).status).toBe(200)
  expect((await agent.call('GET', '/livez')).status).toBe(200)

  rmSync(ballast)
  expect((await rename(agent, 'After')).status).toBe(200)
  expect((await agent.call('POST', 'profiles/default/verify', {})).body.outcome).toBe('ok')
  expect((await agent.call('GET', 'profiles/default')).body.senderDisplayName).toBe('After')
})

const HOLD = `
const Sqlite = require(process.argv[1])
const sqlite = new Sqlite(process.argv[2])
sqlite.exec('begin immediate')
console.log('locked')
process.stdin.once('data', () => { sqlite.exec('rollback'); sqlite.close(); process.exit(0) })
`

it('a database that another process has locked refuses changes, and takes them when it is free', async () => {
  await using agent = await startAgent()
  await create(agent)
  const sqlite = createRequire(import.meta.url).resolve('better-sqlite3')
  const file = join(agent.dataDir, 'postern.db')
  const holder = spawn(process.execPath, ['-e', HOLD, sqlite, file], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    await once(holder.stdout, 'data')
    const refused = await rename(agent, 'During')
    expect([refused.status, refused.body.code]).toEqual([503, 'database_locked'])
    expect(refused.body.detail).toContain('nothing was changed')
    expect((await agent.call('GET', 'status')).status).toBe(200)
    expect((await agent.call('GET', 'profiles/default')).body.senderDisplayName).toBe(
      'Process Alerts',
    )
    expect((await agent.call('GET', 'profiles/default/reports')).body.reports).toHaveLength(1)
    const end = once(holder, 'exit')
    holder.stdin.write('go\n')
    await end
    expect((await rename(agent, 'After')).status).toBe(200)
    await agent.agent.idle()
    expect((await agent.call('GET', 'status')).body.profiles[0].health).toBe('ok')
  } finally {
    holder.kill('SIGKILL')
  }
})
