import { mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createHttpServer } from '../../../src/http/index.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { syncRoutes } from '../../../src/provisioning/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { type TemporaryFolder, temporaryFolder } from '../../support/folder.ts'
import { captureLog } from '../../support/log.ts'
import { createRig, entry, OTHER_SECRET, SECRET_VALUE } from './harness.ts'

let folder: TemporaryFolder
let dataDir: TemporaryFolder
let file: string

beforeEach(() => {
  folder = temporaryFolder()
  dataDir = temporaryFolder()
  file = join(folder.path, 'settings.yaml')
  writeFileSync(join(folder.path, 'secret'), `${SECRET_VALUE}\n`)
})
afterEach(() => {
  folder[Symbol.dispose]()
  dataDir[Symbol.dispose]()
})

const write = (...entries: string[]) => writeFileSync(file, `profiles:\n${entries.join('')}`)
const NONE = { create: [], change: [], remove: [] }

describe('Config sync', () => {
  it('takes the file over at the start, and finds it in force at the next one', async () => {
    write(entry('a'), entry('b'))
    {
      await using rig = await createRig(file, { dataDir: dataDir.path })
      await rig.provisioning.start()
      expect(rig.profiles.list().map(({ id, managed }) => [id, managed])).toEqual([
        ['a', true],
        ['b', true],
      ])
      expect((await rig.profiles.secretOf(rig.profiles.get('a')))?.reveal()).toBe(SECRET_VALUE)
      expect(rig.news).toMatchObject([
        { name: 'sync.applied', payload: { file, changes: { create: ['a', 'b'] } } },
      ])
    }
    await using again = await createRig(file, { dataDir: dataDir.path })
    await again.provisioning.start()
    expect(again.news).toMatchObject([{ name: 'sync.applied', payload: { changes: NONE } }])
    expect(await again.provisioning.report()).toMatchObject({
      configured: true,
      file,
      lastRun: { outcome: 'unchanged', problems: [], changes: NONE },
      inSync: true,
      drift: NONE,
    })
  })

  it('applies nothing of a file whose second profile is wrong', async () => {
    write(entry('a'), entry('b').replace('port: 587', 'port: 0'))
    await using rig = await createRig(file)
    await rig.provisioning.start()
    expect(rig.profiles.list()).toEqual([])
    const problems = [`${file}:21:41: server.port must be a whole number from 1 to 65535.`]
    expect(rig.news).toMatchObject([{ name: 'sync.refused', payload: { file, problems } }])
    expect(rig.provisioning.status().problems).toEqual(problems)
  })

  it('starts with the last applied settings when the file has become bad, and says so', async () => {
    write(entry('a'))
    {
      await using rig = await createRig(file, { dataDir: dataDir.path })
      await rig.provisioning.start()
    }
    writeFileSync(file, 'profiles: [')
    await using rig = await createRig(file, { dataDir: dataDir.path })
    await rig.provisioning.start()
    expect(rig.profiles.get('a').managed).toBe(true)
    expect(rig.captured.entries()).toContainEqual(
      expect.objectContaining({
        level: 'error',
        msg: 'settings file refused, the last applied settings stay',
      }),
    )
    const report = await rig.provisioning.report()
    expect(report).toMatchObject({ lastRun: { outcome: 'refused' }, inSync: false, drift: null })
    expect(report.lastApplied).not.toBeNull()
  })

  it('tells a refusal once, and the recovery even when nothing had to change', async () => {
    write(entry('a'))
    await using rig = await createRig(file)
    const { provisioning } = rig
    await provisioning.sync()
    const good = readFileSync(file)
    writeFileSync(file, 'profiles: 7')
    await provisioning.sync()
    writeFileSync(file, 'profiles: 7\n')
    await provisioning.sync()
    writeFileSync(file, good)
    await provisioning.sync()
    await provisioning.sync()
    expect(rig.news.map(({ name }) => name)).toEqual([
      'sync.applied',
      'sync.refused',
      'sync.applied',
    ])
    expect(provisioning.status().problems).toEqual([])
  })

  it('removes what left the file, and nothing that was made by hand', async () => {
    write(entry('a'), entry('b'))
    await using rig = await createRig(file)
    await rig.provisioning.sync()
    const byHand = {
      id: 'own',
      senderDisplayName: 'x',
      senderEmailAddress: 'x@contoso.com',
      server: { host: 'mail.contoso.com', port: 25, security: 'starttls' },
      authentication: { type: 'none' },
    }
    await rig.profiles.create(byHand, { type: 'cli', id: null, name: 'x', address: null })
    write(entry('b'))
    expect((await rig.provisioning.plan())?.changes).toEqual({ ...NONE, remove: ['a'] })
    expect(rig.profiles.find('a')).toBeDefined()
    await rig.provisioning.sync()
    expect(rig.profiles.list().map(({ id }) => id)).toEqual(['b', 'own'])
    writeFileSync(file, 'profiles: []\n')
    await rig.provisioning.sync()
    expect(rig.profiles.list().map(({ id }) => id)).toEqual(['own'])
  })

  it('tries again by itself when not the file but the store was the reason', async () => {
    write(entry('a'))
    await using rig = await createRig(file)
    await rig.storage.db.schema.alterTable('audit').renameTo('audit_away').execute()
    await rig.provisioning.sync()
    expect(rig.provisioning.status().problems).toHaveLength(1)
    expect(rig.profiles.list()).toEqual([])
    await rig.storage.db.schema.alterTable('audit_away').renameTo('audit').execute()
    expect((await rig.provisioning.sync())?.outcome).toBe('applied')
  })

  it('keeps the last fifty runs, and no secret in any of them', async () => {
    await using rig = await createRig(file)
    for (let run = 0; run < 55; run++) {
      writeFileSync(
        file,
        `# ${run}\nprofiles:\n${entry('a', { prefix: String(run) }).replace('valueFile: secret', `value: ${SECRET_VALUE}`)}`,
      )
      await rig.provisioning.sync()
    }
    const rows = await rig.storage.db.selectFrom('sync_run').selectAll().execute()
    expect(rows).toHaveLength(50)
    expect(rows.at(-1)).toMatchObject({ outcome: 'applied', file })
    expect(JSON.stringify(rows)).not.toContain('Q~')
    expect(rig.captured.lines.join('')).not.toContain('Q~')
  })

  it('looks again by itself where nothing tells of changes', async () => {
    const clock = createFakeClock()
    await using rig = await createRig(join(folder.path, 'late', 'settings.yaml'), { clock })
    await rig.provisioning.start()
    const news = rig.next()
    await clock.untilSleeping()
    const late = join(folder.path, 'late')
    mkdirSync(late)
    writeFileSync(join(late, 'secret'), SECRET_VALUE)
    writeFileSync(join(late, 'settings.yaml'), `profiles:\n${entry('a')}`)
    await clock.advance(31_000)
    expect(await news).toMatchObject({ name: 'sync.applied' })
  })

  it('is idle without a settings file, and GET sync says so', async () => {
    await using rig = await createRig(undefined)
    await rig.provisioning.start()
    const app = createHttpServer({
      log: captureLog().log,
      authenticate: () => ({ tokenId: 't', name: 't', scopes: new Set(['monitor']) }),
    })
    app.register(syncRoutes({ provisioning: rig.provisioning }))
    const answer = await app.inject({ url: '/sync', headers: { authorization: 'Bearer t' } })
    await app.close()
    expect(answer.json()).toEqual({
      configured: false,
      file: null,
      lastRun: null,
      lastApplied: null,
      inSync: true,
      drift: null,
    })
  })
})

describe('A change is noticed', () => {
  const start = async (path = file) => {
    const rig = await createRig(path, { clock: systemClock })
    await rig.provisioning.start()
    return rig
  }

  it('when the file is written anew, and when it is replaced', async () => {
    write(entry('a'))
    await using rig = await start()
    let news = rig.next()
    write(entry('a', { prefix: 'written' }))
    expect(await news).toMatchObject({ name: 'sync.applied' })
    expect(rig.profiles.get('a').subjectPrefix).toBe('written')
    news = rig.next()
    writeFileSync(`${file}.new`, `profiles:\n${entry('a', { prefix: 'replaced' })}`)
    renameSync(`${file}.new`, file)
    await news
    expect(rig.profiles.get('a').subjectPrefix).toBe('replaced')
  })

  it('when a secret file gets another content, more than once', async () => {
    write(entry('a'))
    await using rig = await start()
    for (const secret of [OTHER_SECRET, SECRET_VALUE, OTHER_SECRET]) {
      const news = rig.next()
      writeFileSync(join(folder.path, 'secret'), secret)
      expect(await news).toMatchObject({
        payload: {
          changes: { change: [{ id: 'a', fields: ['authentication.credential.value'] }] },
        },
      })
      expect((await rig.profiles.secretOf(rig.profiles.get('a')))?.reveal()).toBe(secret)
    }
  })

  /** A mounted config map: name → ..data/name, ..data → a folder with a date, swapped by a rename. */
  function mount(path: string, version: string, files: Record<string, string>): void {
    mkdirSync(join(path, `..${version}`), { recursive: true })
    for (const [name, content] of Object.entries(files)) {
      writeFileSync(join(path, `..${version}`, name), content)
    }
    symlinkSync(`..${version}`, join(path, '..data_tmp'))
    renameSync(join(path, '..data_tmp'), join(path, '..data'))
  }

  it('when a mounted config map or secret swaps its link', async () => {
    const maps = join(folder.path, 'maps')
    const secrets = join(folder.path, 'secrets')
    const settings = (prefix: string) => ({
      'settings.yaml': `profiles:\n${entry('a', { prefix, secretFile: '../secrets/client' })}`,
    })
    mount(maps, '1', settings('one'))
    mount(secrets, '1', { client: SECRET_VALUE })
    symlinkSync('..data/settings.yaml', join(maps, 'settings.yaml'))
    symlinkSync('..data/client', join(secrets, 'client'))
    await using rig = await start(join(maps, 'settings.yaml'))
    for (const version of ['2', '3']) {
      let news = rig.next()
      mount(maps, version, settings(version))
      await news
      expect(rig.profiles.get('a').subjectPrefix).toBe(version)
      news = rig.next()
      const secret = version === '2' ? OTHER_SECRET : SECRET_VALUE
      mount(secrets, version, { client: secret })
      await news
      expect((await rig.profiles.secretOf(rig.profiles.get('a')))?.reveal()).toBe(secret)
    }
  })

  it('when a link far above the file is swapped', async () => {
    for (const name of ['one', 'two']) {
      mkdirSync(join(folder.path, 'releases', name, 'etc'), { recursive: true })
      const path = join(folder.path, 'releases', name, 'etc')
      writeFileSync(join(path, 'secret'), SECRET_VALUE)
      writeFileSync(join(path, 'settings.yaml'), `profiles:\n${entry('a', { prefix: name })}`)
    }
    symlinkSync('releases/one', join(folder.path, 'current'))
    await using rig = await start(join(folder.path, 'current', 'etc', 'settings.yaml'))
    const news = rig.next()
    symlinkSync('releases/two', join(folder.path, 'next'))
    renameSync(join(folder.path, 'next'), join(folder.path, 'current'))
    await news
    expect(rig.profiles.get('a').subjectPrefix).toBe('two')
  })
})
