/**
 * Flags of every Node.js process that runs this repository's TypeScript with the outbox's thread.
 * Node.js strips the types in WebAssembly. After a thousand calls out of it V8 makes the calls
 * faster, and may crash on the way when one thread after another does so: `Check failed:
 * jit_page.has_value()` or SIGSEGV (V8 of Node.js 24; nodejs/node#64500). So it never does here.
 * The built product has its types stripped already.
 */
export const SOURCE_FLAGS = ['--wasm-wrapper-tiering-budget=2147483647']
