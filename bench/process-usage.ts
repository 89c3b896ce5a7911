import { readFileSync, writeFileSync } from 'node:fs'
import { performance } from 'node:perf_hooks'

/** Linux counts processor time in hundredths of a second, whatever its own tick is (`man 5 proc`, USER_HZ). */
const TICKS_PER_SECOND = 100

/** Resident memory of a process, in MB of 1024 × 1024 bytes. */
export function residentMb(pid: number): number {
  return memoryMb(pid, 'VmRSS')
}

/** The highest resident memory since it began, or since `forgetPeak`. */
export function peakMb(pid: number): number {
  return memoryMb(pid, 'VmHWM')
}

/** The peak counts from now on (`man 5 proc`, clear_refs). */
export function forgetPeak(pid: number): void {
  writeFileSync(`/proc/${pid}/clear_refs`, '5')
}

function memoryMb(pid: number, name: 'VmRSS' | 'VmHWM'): number {
  const [, kilobytes] =
    new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(readProc(pid, 'status')) ?? []
  if (kilobytes === undefined) throw new Error(`process ${pid} has ended`)
  return Number(kilobytes) / 1024
}

/** Processor time that a process and its threads have used since they began. */
function processorSeconds(pid: number): number {
  // The name in parentheses may hold spaces, so the fields are counted from behind it: 14 is utime, 15 stime.
  const fields = readProc(pid, 'stat')
    .replace(/^.*\) /s, '')
    .split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

/** How busy a process keeps one core from now on. */
export function watchProcessor(pid: number): { percent(): number } {
  const [beganAt, before] = [performance.now(), processorSeconds(pid)]
  return {
    percent: () => ((processorSeconds(pid) - before) * 100_000) / (performance.now() - beganAt),
  }
}

function readProc(pid: number, file: string): string {
  if (process.platform !== 'linux') throw new Error('the benchmarks read /proc and need Linux')
  return readFileSync(`/proc/${pid}/${file}`, 'utf8')
}
