import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { SOURCE_FLAGS } from './test/support/source-flags.ts'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // What ends a test that hangs; a busy machine is no reason.
    testTimeout: 90_000,
    hookTimeout: 90_000,
    expect: { poll: { timeout: 30_000 } },
    pool: 'forks',
    execArgv: SOURCE_FLAGS,
    // Many tests wait for other processes: one at a time would leave a small machine idle.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    reporters: ['default', ['json', { outputFile: 'test-report.json' }]],
  },
})
