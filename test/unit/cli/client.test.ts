import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { runCommand } from '../../support/cli.ts'
import { ALICE, createRig, profileInput } from '../profiles/harness.ts'

/** A data folder with the profile `default`, and the command on it. */
async function start() {
  const rig = await createRig()
  await rig.profiles.create(profileInput(), ALICE)
  return {
    dataDir: rig.dataDir,
    client: (...argv: string[]) =>
      runCommand(['client', ...argv], { POSTERN_DATA_DIR: rig.dataDir }),
    auditEntries: () => rig.auditEntries(),
    [Symbol.asyncDispose]: () => rig[Symbol.asyncDispose](),
  }
}

test('create prints a username and a secret once, list shows the client, revoke removes it', async () => {
  await using rig = await start()
  const made = await rig.client('create', 'grafana')
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect(made.stdout).toMatch(/^username grafana\npassword psr_[\w-]{43}\n$/)
  const listed = await rig.client('list')
  expect(listed.stdout).toMatch(
    /grafana +grafana +default +the profile \(others: reject\) +never +enabled/,
  )
  const { clients } = JSON.parse((await rig.client('list', '--json')).stdout)
  const [{ id }] = clients
  expect((await rig.client('revoke', id)).stdout).toBe(`Client ${id} is revoked.\n`)
  expect(JSON.parse((await rig.client('list', '--json')).stdout)).toEqual({ clients: [] })
  expect(await rig.auditEntries()).toMatchObject([
    { action: 'relay_client.removed', actor: { name: 'command line' } },
    { action: 'relay_client.created' },
    {},
  ])
})

test('a device without a login is made with its address, its senders and its repairs', async () => {
  await using rig = await start()
  const made = await rig.client(
    ...['create', 'Scanner', '--profile', 'default', '--address', '192.0.2.17, 2001:db8::/64'],
    ...['--allowed-from', 'scan@contoso.com,@contoso.org', '--from-policy', 'rewrite'],
    ...['--repair', 'missingDate,brokenFrom', '--json'],
  )
  expect(JSON.parse(made.stdout)).toMatchObject({
    authentication: 'address',
    username: null,
    secret: null,
    addresses: ['192.0.2.17', '2001:db8::/64'],
    allowedFrom: ['scan@contoso.com', '@contoso.org'],
    fromPolicy: 'rewrite',
    repair: { missingDate: true, missingMessageId: false, brokenFrom: true },
  })
})

test('a chosen password comes from a file and is never shown', async () => {
  await using rig = await start()
  const file = join(rig.dataDir, 'password')
  writeFileSync(file, 'correct horse battery\n')
  const made = await rig.client('create', 'old', '--username', 'old@host', '--password-file', file)
  expect(made.stdout).toBe('username old@host\npassword (the one in the file)\n')
})

test.each([
  [['create'], /name the client/],
  [['create', 'x', '--from-policy', 'any'], /"any" is no policy: use reject, rewrite, keep/],
  [['create', 'x', '--repair', 'all'], /"all" cannot be repaired/],
  [['create', 'x', '--profile', 'nothing'], /There is no profile “nothing”/],
  [['create', 'x', '--address', '0.0.0.0/0'], /open to strangers/],
  [['create', 'x', '--password-file', '/nowhere'], /cannot be read/],
  [['revoke'], /name the client by its id/],
  [['revoke', 'nobody'], /There is no relay client with this id/],
  [['remove'], /say what to do/],
])('client %j is refused with a sentence', async (argv, sentence) => {
  await using rig = await start()
  const end = await rig.client(...argv)
  expect(end.code).not.toBe(0)
  expect(end.stderr).toMatch(sentence)
})
