import { messageOf } from './errors.ts'
import type { Logger } from './logger.ts'

type Listener<Payload> = (payload: Payload) => void | Promise<void>

/**
 * Typed news that travels upward: a feature publishes what happened, those above it subscribe.
 * `Events` maps each name (`verification.completed`) to its payload.
 */
export interface EventBus<Events extends object> {
  emit<Name extends keyof Events & string>(name: Name, payload: Events[Name]): void
  /** Returns the function that ends the subscription. */
  on<Name extends keyof Events & string>(name: Name, listener: Listener<Events[Name]>): () => void
  /** Resolves when every listener that was called so far has finished, and those they caused. */
  idle(): Promise<void>
}

/** A listener that fails is logged and never reaches the one who published. */
export function createEventBus<Events extends object>(deps: { log: Logger }): EventBus<Events> {
  const listeners: { [Name in keyof Events]?: Set<Listener<Events[Name]>> } = {}
  const running = new Set<Promise<void>>()

  return {
    emit(name, payload) {
      for (const listener of [...(listeners[name] ?? [])]) {
        const run = (async () => listener(payload))()
          .catch((error: unknown) => {
            deps.log.error({ event: name, err: error }, messageOf(error))
          })
          .finally(() => running.delete(run))
        running.add(run)
      }
    },
    on(name, listener) {
      const set = listeners[name] ?? new Set<Listener<Events[typeof name]>>()
      listeners[name] = set.add(listener)
      return () => set.delete(listener)
    },
    async idle() {
      while (running.size > 0) await Promise.all(running)
    },
  }
}
