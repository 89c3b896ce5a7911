import type { Clock } from '../../platform/clock.ts'
import type { Profile } from '../../profiles/index.ts'
import type { OutboxNews } from '../events.ts'
import type { DayBudget } from './day-budget.ts'

/** Tells once that the recipients of the day are used up, until there is room again. */
export interface DayNotice {
  usedUp(): void
  hasRoom(): void
}

export function createDayNotice(deps: {
  budget: Pick<DayBudget, 'waitMs'>
  /** Those of the mailbox, as of now. */
  laneProfiles: () => readonly Pick<Profile, 'id' | 'delivery'>[]
  clock: Clock
  news: Pick<OutboxNews, 'dayUsedUp'>
}): DayNotice {
  const { budget, laneProfiles, clock, news } = deps
  let isTold = false

  return {
    usedUp() {
      if (isTold) return
      isTold = true
      const until = clock.now() + budget.waitMs()
      for (const { id, delivery } of laneProfiles()) {
        if (delivery.recipientsPerDay === null) continue
        news.dayUsedUp(id, delivery.recipientsPerDay, until)
      }
    },
    hasRoom() {
      isTold = false
    },
  }
}
