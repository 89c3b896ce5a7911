/**
 * SQLite lets one connection write at a time, and one that finds the file locked sleeps and tries again, which a thread
 * that writes without pause may outlast for long. Through a gate the connection of the main thread asks for its turn:
 * the other threads wait before their next transaction while it wants one.
 */
export interface WriteGate {
  /** Before a transaction, or a write that is one by itself. */
  enter(): void
  /** After it, also when it failed. */
  leave(): void
}

/** For the connection that goes first. */
export function createFirstGate(shared: SharedArrayBuffer): WriteGate {
  const wanted = new Int32Array(shared)
  return {
    enter() {
      Atomics.add(wanted, 0, 1)
    },
    leave() {
      if (Atomics.sub(wanted, 0, 1) === 1) Atomics.notify(wanted, 0)
    },
  }
}

/** A transaction of the main thread that takes longer is left to the file's own lock. */
const LONGEST_WAIT_MS = 250

/** For the connection of a thread: it stands still until its turn. */
export function createThreadGate(shared: SharedArrayBuffer): WriteGate {
  const wanted = new Int32Array(shared)
  return {
    enter() {
      for (let waits = 0; waits < MOST_WAITS; waits++) {
        const asking = Atomics.load(wanted, 0)
        if (asking === 0) return
        if (Atomics.wait(wanted, 0, asking, LONGEST_WAIT_MS) === 'timed-out') return
      }
    },
    leave() {},
  }
}

/** In a row: the main thread cannot starve the others. */
const MOST_WAITS = 3

export function createWriteTurns(): SharedArrayBuffer {
  return new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT)
}
