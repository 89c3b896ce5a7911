import { test } from 'vitest'
import { renderConfiguration } from '../../src/config/index.ts'
import { expectGolden } from '../support/golden.ts'

test('docs/configuration.md lists every process setting as the schema has it', () => {
  expectGolden('docs/configuration.md', renderConfiguration())
})
