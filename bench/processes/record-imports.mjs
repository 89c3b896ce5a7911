// Loaded before the agent (--import): writes down which packages the agent's own files import while it starts.
import { appendFileSync } from 'node:fs'
import { isBuiltin, registerHooks } from 'node:module'

const { BENCH_DIST_URL = '', BENCH_IMPORTS_FILE = '' } = process.env

registerHooks({
  resolve(specifier, context, next) {
    const isOurs = context.parentURL?.startsWith(BENCH_DIST_URL) === true
    if (isOurs && /^[@a-z]/.test(specifier) && !isBuiltin(specifier)) {
      appendFileSync(BENCH_IMPORTS_FILE, `${specifier}\n`)
    }
    return next(specifier, context)
  },
})
