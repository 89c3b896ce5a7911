import { describe, expect, it } from 'vitest'
import type { Problem } from '../../../src/alerts/index.ts'
import {
  acknowledged,
  attempted,
  type Moment,
  opened,
  reminded,
  resolved,
  silenced,
  unsilenced,
  updated,
} from '../../../src/alerts/life.ts'
import { retryDelayMs } from '../../../src/alerts/pacing.ts'
import { type StoredAlert, viewOf } from '../../../src/alerts/stored-alert.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import { diagnosisOf, problemOf, START } from './alerts-bench.ts'

let ids = 0
const newId = () => `id-${++ids}`
const moment = (now: number, recipients = ['it@contoso.com']): Moment => ({
  now,
  recipients,
  newId,
})
const DAILY = DAY_MS

function open(problem: Problem = problemOf(), now = START, recipients?: string[]): StoredAlert {
  return opened(problem, undefined, moment(now, recipients))
}
function delivered(alert: StoredAlert, now: number): StoredAlert {
  return alert.notifications
    .filter(({ state }) => state === 'pending')
    .reduce((next, { id }) => attempted(next, id, { ok: true, by: 'p' }, moment(now)), alert)
}
function failed(alert: StoredAlert, now: number): StoredAlert {
  return alert.notifications
    .filter(({ state }) => state === 'pending')
    .reduce((next, { id }) => attempted(next, id, { ok: false, error: 'no' }, moment(now)), alert)
}
const told = () => delivered(open(), START)
const end = (alert: StoredAlert, now: number) => resolved(alert, 'It works again.', moment(now))

/** `open | opened delivered, reminder pending`, with the minutes until a pending mail is due. */
function shown(alert: StoredAlert, now: number): string {
  const mails = alert.notifications.map(({ reason, state, nextAttemptAt }) =>
    state === 'pending'
      ? `${reason} in ${(nextAttemptAt - now) / MINUTE_MS}`
      : `${reason} ${state}`,
  )
  return [viewOf(alert, now).state, ...mails].join(' | ')
}

const code = (name: string) => problemOf({ diagnosis: diagnosisOf(name) })
const M = MINUTE_MS

describe('the life of an alert', () => {
  const table: readonly (readonly [string, () => StoredAlert, number, string])[] = [
    ['opens with a mail that is due at once', () => open(), 0, 'open | opened in 0'],
    ['opens without a mail when no address is set', () => open(problemOf(), START, []), 0, 'open'],
    [
      'gets its first mail when an address is set later',
      () => reminded(open(problemOf(), START, []), moment(START + M), DAILY),
      M,
      'open | opened in 0',
    ],
    ['is told', () => told(), 0, 'open | opened delivered'],
    [
      'keeps a mail that failed and tries again',
      () => failed(open(), START),
      0,
      'open | opened in 1',
    ],
    [
      'tells nothing new when the same problem is found again',
      () => updated(told(), problemOf(), moment(START + M)),
      M,
      'open | opened delivered',
    ],
    [
      'is brought up to date in silence when only the words change',
      () => updated(told(), problemOf({ summary: 'Other words.' }), moment(START + M)),
      M,
      'open | opened delivered',
    ],
    [
      'tells a new diagnosis, an hour after its last mail',
      () => updated(told(), code('other'), moment(START + 10 * M)),
      10 * M,
      'open | opened delivered | escalated in 50',
    ],
    [
      'tells a further threshold',
      () => updated(told(), problemOf({ escalate: true }), moment(START + 90 * M)),
      90 * M,
      'open | opened delivered | escalated in 0',
    ],
    [
      'needs no second mail while the first one waits',
      () => updated(failed(open(), START), code('other'), moment(START)),
      0,
      'open | opened in 1',
    ],
    [
      'is not reminded before the interval',
      () => reminded(told(), moment(START + DAILY - 1), DAILY),
      DAILY,
      'open | opened delivered',
    ],
    [
      'is reminded at the interval',
      () => reminded(told(), moment(START + DAILY), DAILY),
      DAILY,
      'open | opened delivered | reminder in 0',
    ],
    [
      'is never reminded within an hour, whatever the interval says',
      () => reminded(told(), moment(START + 59 * M), 1),
      59 * M,
      'open | opened delivered',
    ],
    [
      'is not reminded of an end to come: the thresholds do that',
      () =>
        reminded(
          delivered(open(problemOf({ kind: 'credentialExpiring' })), START),
          moment(START + DAILY),
          DAILY,
        ),
      DAILY,
      'open | opened delivered',
    ],
    [
      'is not reminded after it was acknowledged',
      () => reminded(acknowledged(told(), 'Olga', START), moment(START + DAILY), DAILY),
      DAILY,
      'acknowledged | opened delivered',
    ],
    [
      'drops a waiting reminder when it is acknowledged',
      () => acknowledged(reminded(told(), moment(START + DAILY), DAILY), 'Olga', START + DAILY),
      DAILY,
      'acknowledged | opened delivered | reminder abandoned',
    ],
    [
      'speaks again after it was acknowledged when the diagnosis changes',
      () =>
        updated(acknowledged(told(), 'Olga', START), code('other'), moment(START + 2 * HOUR_MS)),
      2 * HOUR_MS,
      'open | opened delivered | escalated in 0',
    ],
    [
      'stays acknowledged when only the words change',
      () =>
        updated(acknowledged(told(), 'Olga', START), problemOf({ summary: 'x' }), moment(START)),
      0,
      'acknowledged | opened delivered',
    ],
    [
      'is not reminded while it is silenced',
      () => reminded(silenced(told(), START + 2 * DAILY, 'known'), moment(START + DAILY), DAILY),
      DAILY,
      'silenced | opened delivered',
    ],
    [
      'is reminded when the silence ends',
      () => reminded(silenced(told(), START + DAILY, 'known'), moment(START + DAILY), DAILY),
      DAILY,
      'open | opened delivered | reminder in 0',
    ],
    [
      'ends with an all-clear for those who were told',
      () => end(told(), START + 5 * M),
      5 * M,
      'resolved | opened delivered | resolved in 0',
    ],
    [
      'ends without any mail when nobody tried to send one',
      () => end(open(), START + 5 * M),
      5 * M,
      'resolved | opened abandoned',
    ],
    [
      'tells what happened in one mail when the first one could not leave in time',
      () => end(failed(failed(open(), START), START + M), START + 5 * M),
      5 * M,
      'resolved | opened abandoned | resolved in 0',
    ],
    [
      'tells it also when the first mail was on its way at the end and failed then',
      () => {
        const alert = open()
        const first = alert.notifications[0]?.id ?? ''
        const failure = { ok: false, error: 'no' } as const
        return attempted(end(alert, START), first, failure, moment(START + M))
      },
      M,
      'resolved | opened abandoned | resolved in 0',
    ],
    [
      'tells nothing of its end when another alert tells it',
      () => resolved(failed(open(), START), 'Folded.', moment(START + 5 * M), { quietly: true }),
      5 * M,
      'resolved | opened abandoned',
    ],
    [
      'tells every reader once: the end to those who were told, what happened to the others',
      () => {
        const alert = open(problemOf(), START, ['a@contoso.com', 'b@contoso.com', 'c@contoso.com'])
        const [a, b, c] = alert.notifications.map(({ id }) => id)
        const toA = attempted(alert, a ?? '', { ok: true, by: 'p' }, moment(START))
        const toB = attempted(toA, b ?? '', { ok: false, error: 'no' }, moment(START))
        const toC = attempted(toB, c ?? '', { ok: false, abandon: 'gone' }, moment(START))
        return end(toC, START + 5 * M)
      },
      5 * M,
      'resolved | opened delivered | opened abandoned | opened abandoned | resolved in 0 | resolved in 0',
    ],
    [
      'keeps its all-clear while it is silenced',
      () => end(silenced(told(), START + DAILY, 'known'), START + 5 * M),
      5 * M,
      'resolved | opened delivered | resolved in 0',
    ],
    [
      'tries an all-clear at least for a week after a silence of a month',
      () => failed(end(silenced(told(), START + 30 * DAILY, 'x'), START), START + 31 * DAILY),
      31 * DAILY,
      'resolved | opened delivered | resolved in 1',
    ],
    [
      'is reminded again when its silence is ended early',
      () =>
        reminded(
          unsilenced(silenced(told(), START + 9 * DAILY, 'known')),
          moment(START + DAILY),
          DAILY,
        ),
      DAILY,
      'open | opened delivered | reminder in 0',
    ],
    [
      'gives the all-clear after a mail that was on its way when the problem ended',
      () => {
        const alert = open()
        const first = alert.notifications[0]?.id ?? ''
        return attempted(end(alert, START), first, { ok: true, by: 'p' }, moment(START + M))
      },
      M,
      'resolved | opened delivered | resolved in 0',
    ],
    [
      'is the same alert when it comes back within the hour, and tells so an hour after its last mail',
      () =>
        opened(
          problemOf(),
          delivered(end(told(), START + 5 * M), START + 5 * M),
          moment(START + 10 * M),
        ),
      10 * M,
      'open | opened delivered | resolved delivered | opened in 55',
    ],
    [
      'drops an all-clear that has not left when it comes back, and says nothing',
      () => opened(problemOf(), end(told(), START + 5 * M), moment(START + 10 * M)),
      10 * M,
      'open | opened delivered | resolved abandoned',
    ],
    [
      'paces the all-clear of a problem that flaps',
      () => {
        const again = opened(
          problemOf(),
          delivered(end(told(), START + 5 * M), START + 5 * M),
          moment(START + 10 * M),
        )
        return end(delivered(again, START + 65 * M), START + 70 * M)
      },
      70 * M,
      'resolved | opened delivered | resolved delivered | opened delivered | resolved in 55',
    ],
    [
      'is a new alert when it comes back later',
      () =>
        opened(
          problemOf(),
          delivered(end(told(), START + 5 * M), START + 5 * M),
          moment(START + 3 * HOUR_MS),
        ),
      3 * HOUR_MS,
      'open | opened in 0',
    ],
    [
      'stays silenced when it comes back as a new alert',
      () =>
        opened(
          problemOf(),
          end(silenced(told(), START + DAILY, 'known'), START + M),
          moment(START + 3 * HOUR_MS),
        ),
      3 * HOUR_MS,
      'silenced | opened in 0',
    ],
    [
      'gives an all-clear up after a week without a path',
      () => failed(end(told(), START), START + 8 * DAILY),
      8 * DAILY,
      'resolved | opened delivered | resolved abandoned',
    ],
    [
      'is reminded in time although the clock was set back by a year',
      () => {
        const back = reminded(told(), moment(START - 365 * DAILY), DAILY)
        return reminded(back, moment(START - 364 * DAILY), DAILY)
      },
      -364 * DAILY,
      'open | opened delivered | reminder in 0',
    ],
  ]
  it.each(table)('%s', (_title, make, after, expected) => {
    expect(shown(make(), START + after)).toBe(expected)
  })

  it.each([
    ['none', () => open(problemOf(), START, [])],
    ['pending', () => failed(open(), START)],
    ['delivered', () => told()],
    ['abandoned', () => end(open(), START)],
  ] as const)('shows its mail as %s', (state, make) => {
    expect(viewOf(make(), START).notification.state).toBe(state)
  })

  it('says why a mail was abandoned', () => {
    const { notification } = viewOf(end(open(), START), START)
    expect(notification.recipient).toBe('it@contoso.com')
    expect(notification.lastError).toContain('ended before this mail could leave')
  })

  it('becomes unacknowledged when it grows worse', () => {
    const warning = delivered(open(problemOf({ severity: 'warning' })), START)
    const worse = updated(acknowledged(warning, 'Olga', START), problemOf(), moment(START + M))
    expect(viewOf(worse, START).state).toBe('open')
  })

  it('tries again after 1, 2, 4 … 32, and then every 60 minutes', () => {
    const minutes = [1, 2, 3, 4, 5, 6, 7, 8, 500].map((n) => retryDelayMs(n) / MINUTE_MS)
    expect(minutes).toEqual([1, 2, 4, 8, 16, 32, 60, 60, 60])
  })
})
