// Prints the line that closes a run, counted from the test runner's own report: `N passed, N failed`.
import { readFileSync } from 'node:fs'

const [file = 'test-report.json'] = process.argv.slice(2)
const report = JSON.parse(readFileSync(file, 'utf8'))
const skipped = report.numPendingTests + report.numTodoTests
const failed = report.numFailedTests + (report.success || report.numFailedTests > 0 ? 0 : 1)
console.log(
  `${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
)
