import { expect, it } from 'vitest';
import { Heat } from './heat.js';
import { defaultJitOptions, settingsOf } from './options.js';

const { hotAfter } = defaultJitOptions;
const page = 7;
/** When the host has compiled the JIT. */
function afterTheBeginning(): Heat {
  const heat = new Heat(settingsOf());
  for (let i = 0; i < 8000; i++) heat.noteLook();
  return heat;
}

it('takes more in the beginning, unless regions are to be compared', () => {
  expect(new Heat(settingsOf()).needed(page, 0)).toBeGreaterThan(7 * hotAfter);
  expect(new Heat(settingsOf({ lockstep: true })).needed(page, 0)).toBe(hotAfter);
  expect(new Heat(settingsOf({ hotAfter: 1 })).needed(page, 0)).toBe(1);
  expect(afterTheBeginning().needed(page, 0)).toBe(hotAfter);
});

it('takes more the more regions there have been, and where code keeps changing', () => {
  const heat = afterTheBeginning();
  expect(heat.needed(page, 2048)).toBe(2 * hotAfter);
  for (let i = 0; i < 8; i++) heat.noteChange(page);
  expect([heat.needed(page, 0), heat.needed(page + 1, 0)]).toEqual([2 * hotAfter, hotAfter]);
  for (let i = 0; i < 8000; i++) heat.noteChange(page);
  expect(heat.needed(page, 0)).toBe(64 * hotAfter);
});

it('counts what is met, and lets it cool down', () => {
  const heat = afterTheBeginning();
  expect([heat.meet(32, 1), heat.meet(32, 2), heat.meet(64, 1)]).toEqual([1, 3, 1]);
  heat.coolDown(32, hotAfter);
  expect(heat.meet(32, 1)).toBe(1 - 8 * hotAfter);
  heat.restart(32);
  expect([heat.meet(32, 1), heat.meet(64, 1)]).toEqual([1, 2]);
  heat.restartAll();
  expect(heat.meet(64, 1)).toBe(1);
});
