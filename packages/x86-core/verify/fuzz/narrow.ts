/*
 * Where two engines part: the same machine again on fresh ones, with smaller and smaller budgets for the run that ended otherwise.
 */
import type { EngineName, Machine } from '../../src/index.js';
import { State } from '../../src/state.js';
import { fuzz, hostileDifference, type Kind } from '../../src/testing/hostile-duel.js';
import { makeHostile } from '../../src/testing/hostile.js';

const bytesShown = 16;

/** A machine's next instruction: where it is, and its bytes. */
function nextOf({ cpu, physical }: Machine): string {
  const { i32, mmu } = cpu.processor;
  const linear = (i32[(State.segments >> 2) + 5]! + cpu.eip) >>> 0;
  const at = mmu.peek(linear);
  const bytes = at < 0 || at + bytesShown > physical.size ? 'not mapped' : Buffer.from(physical.bytes.subarray(at, at + bytesShown)).toString('hex');
  return `mode ${i32[State.mode >> 2]}, linear ${linear.toString(16)}, physical ${at.toString(16)}: ${bytes}`;
}

/** What can be said about a difference: the least budget with it, the next instruction before, and the difference after. */
export function narrow(kind: Kind, seed: number, run: number, engines: readonly EngineName[], most: number): string {
  const machines = engines.map((engine) => makeHostile(engine));
  const differs = (budget: number): string | undefined => {
    let different: string | undefined;
    for (const { exits } of fuzz(kind, machines, seed, { run, budget })) different ??= hostileDifference(machines, exits);
    return different;
  };
  if (differs(most) === undefined) return 'on fresh machines there is no difference: what was run before has to do with it';
  let [same, other] = [0, most];
  while (other - same > 1) {
    const middle = (same + other) >> 1;
    if (differs(middle) === undefined) same = middle;
    else other = middle;
  }
  if (same > 0) differs(same);
  const before = same > 0 ? machines.map(nextOf).join('\n') : 'the run begins with it';
  return `the same after ${same} instructions of the run, which would go on at\n${before}\nafter ${other}: ${differs(other)}`;
}
