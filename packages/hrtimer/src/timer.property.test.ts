/*
 * The queue against a model that is a plain list: random starts, cancellations, steps and passing time.
 */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RealtimeClock, Timer, TimerQueue, VirtualClock } from './index.js';

const TIMERS = 6;
const time = fc.bigInt({ min: -5n, max: 40n });
const which = fc.nat(TIMERS - 1);
const commands = fc.array(fc.oneof(
  fc.record({ start: which, at: time, relative: fc.boolean() }),
  fc.record({ cancel: which }),
  fc.record({ advance: fc.bigInt({ min: 0n, max: 15n }) }),
  fc.record({ step: fc.bigInt({ min: -20n, max: 20n }) }),
), { maxLength: 120 });

interface Waiting { timer: number; key: bigint; relative: boolean; order: number }

it('fires what a plain list would fire, in its order', () => {
  fc.assert(fc.property(commands, (list) => {
    const base = new VirtualClock();
    const clock = new RealtimeClock(base, 0n);
    const queue = new TimerQueue(clock);
    const fired: number[] = [];
    const timers = Array.from({ length: TIMERS }, (_, i) => new Timer(queue, () => { fired.push(i); }));
    let model: Waiting[] = [];
    let order = 0;
    const sorted = (): Waiting[] => model.sort((a, b) => (a.key !== b.key ? (a.key < b.key ? -1 : 1) : a.order - b.order));
    for (const command of list) {
      if ('start' in command) {
        timers[command.start]!.start(command.at, command.relative ? 'relative' : 'absolute');
        model = model.filter(({ timer }) => timer !== command.start);
        model.push({ timer: command.start, key: command.relative ? clock.now() + command.at : command.at, relative: command.relative, order: order++ });
      } else if ('cancel' in command) {
        expect(timers[command.cancel]!.cancel()).toBe(model.some(({ timer }) => timer === command.cancel));
        model = model.filter(({ timer }) => timer !== command.cancel);
      } else if ('advance' in command) {
        base.advance(command.advance);
        const due = sorted().filter(({ key }) => key <= clock.now());
        expect(queue.run()).toBe(due.length);
        expect(fired.splice(0)).toEqual(due.map(({ timer }) => timer));
        model = model.filter(({ key }) => key > clock.now());
      } else {
        clock.step(command.step);
        for (const one of model) if (one.relative) one.key += command.step;
      }
      expect(queue.size).toBe(model.length);
      expect(queue.nextExpiry()).toBe(sorted()[0]?.key);
      timers.forEach((timer, i) => { expect(timer.expires).toBe(model.find((one) => one.timer === i)?.key); });
    }
  }));
});
