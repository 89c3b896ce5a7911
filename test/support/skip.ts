import type { TestContext } from 'vitest'

/** Skips a test for want of something on this machine, and prints what it is: the reporter does not. */
export function skipFor(context: Pick<TestContext, 'skip'>, reason: string): never {
  console.log(`skipped: ${reason}`)
  return context.skip(reason)
}
