/**
 * `npm run bench`: measures the built agent and prints a table; `--json` prints JSON. Arguments name the measures to
 * run, such as `node --expose-gc bench/main.ts status`; without any, all run. See docs/benchmarks.md.
 */
import { availableParallelism, cpus, totalmem } from 'node:os'
import { parseArgs } from 'node:util'
import { backlog } from './measures/backlog.ts'
import { deliver } from './measures/deliver.ts'
import { expiry } from './measures/expiry.ts'
import { large } from './measures/large.ts'
import { postMessages } from './measures/post-messages.ts'
import { relay } from './measures/relay.ts'
import { responsive } from './measures/responsive.ts'
import { settings } from './measures/settings.ts'
import { start } from './measures/start.ts'
import { status } from './measures/status.ts'
import { verify } from './measures/verify.ts'
import { type Figure, type Measure, renderJson, renderTable } from './report.ts'

const MEASURES: readonly Measure[] = [
  start,
  status,
  verify,
  expiry,
  settings,
  relay,
  deliver,
  responsive,
  large,
  postMessages,
  backlog,
]

const { values, positionals } = parseArgs({
  options: { json: { type: 'boolean', default: false } },
  allowPositionals: true,
})
const unknown = positionals.filter((name) => MEASURES.every((measure) => measure.name !== name))
if (unknown.length > 0) {
  console.error(
    `There is no measure ${unknown.join(', ')}. Measures: ${MEASURES.map(({ name }) => name).join(', ')}.`,
  )
  process.exit(2)
}

const figures: Figure[] = []
for (const measure of MEASURES) {
  if (positionals.length > 0 && !positionals.includes(measure.name)) continue
  figures.push(...(await measure.run((text) => console.error(`  ${text}`))))
}

const machine = {
  processor: cpus()[0]?.model ?? 'unknown',
  cores: availableParallelism(),
  memoryGb: Math.round(totalmem() / 1024 ** 3),
  node: process.version,
}
if (values.json) console.log(renderJson(figures, machine))
else {
  console.log(
    `\n${machine.processor}, ${machine.cores} cores, ${machine.memoryGb} GB, Node ${machine.node}\n\n${renderTable(figures)}`,
  )
}
