import { expect, test } from 'vitest'
import { COMMANDS, renderHelp, renderOverview } from '../../src/cli/index.ts'
import { expectGolden } from '../support/golden.ts'

test('the help of every command is the one that was agreed', () => {
  const text = [renderOverview(COMMANDS), ...COMMANDS.map(renderHelp)].join('\n---\n')
  expectGolden('test/contract/golden/help.txt', text)
})

test('every command that reads has --json', () => {
  const without = COMMANDS.filter(({ options }) => !('json' in options)).map(({ name }) => name)
  expect(without).toEqual(['start', 'sendmail'])
})

test('every listed command loads', async () => {
  for (const command of COMMANDS) expect(typeof (await command.load()).run).toBe('function')
})
