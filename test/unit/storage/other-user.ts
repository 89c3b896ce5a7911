import { openStorage } from '../../../src/storage/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import { captureLog } from '../../support/log.ts'

/** A process of its own: opens the folder as another user and prints what came of it. */
const [, , dataDir = '', user = ''] = process.argv
process.setegid?.(Number(user))
process.seteuid?.(Number(user))
try {
  await using _storage = await openStorage({
    dataDir,
    role: 'companion',
    clock: createFakeClock(),
    log: captureLog().log,
  })
  process.stdout.write('{"code":"opened"}')
} catch (error) {
  const { code, message } = Object(error)
  process.stdout.write(JSON.stringify({ code, message }))
}
