/*
 * What single calls cost, without the trip to the Host. Lines are `BENCH mmu/<call> value ns`.
 */
import { BenchGuest, sink, WORKING_SET } from './guest.js';

const ROUNDS = 7;
const KERNEL_TEXT = 0xc000_0000;
const KERNEL_PAGES = 2000;
const USER_ENTRY = 0x67;
const HEAP = WORKING_SET[20]!;

/** Nanoseconds per call: the median of some rounds, each `calls` times. */
function bench(name: string, calls: number, work: () => void): void {
  work();
  const times: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now();
    work();
    times.push((performance.now() - start) * 1e6 / calls);
  }
  times.sort((a, b) => a - b);
  console.log(`BENCH mmu/${name} ${times[ROUNDS >> 1]!.toFixed(1)} ns`);
}

const guest = new BenchGuest();
const [first, second] = [guest.process(), guest.process()];
const { mmu } = guest;
mmu.newPageTable(second);
mmu.newPageTable(first);
guest.touch(HEAP, true);

const CALLS = 200_000;
bench('demandPage', CALLS, () => {
  // forgetting the page first keeps the fault a real one; its cost is the next line's
  for (let i = 0; i < CALLS; i++) {
    mmu.setPte(first, HEAP, 0);
    if (mmu.demandPage(HEAP, 6)) sink.value++;
  }
});
bench('setPte-forget', CALLS, () => {
  for (let i = 0; i < CALLS; i++) mmu.setPte(first, HEAP, 0);
});
bench('setPte-present', CALLS, () => {
  for (let i = 0; i < CALLS; i++) mmu.setPte(first, WORKING_SET[16 + (i & 15)]!, (1024 + (i & 15)) << 12 | USER_ENTRY, 0);
});
bench('reflected-fault', CALLS, () => {
  for (let i = 0; i < CALLS; i++) if (!mmu.demandPage(0x0a00_0000, 6)) sink.value++;
});
bench('newPageTable-hit', CALLS, () => {
  for (let i = 0; i < CALLS; i++) mmu.newPageTable((i & 1) === 0 ? second : first);
});
bench('pinPage-mapped', CALLS, () => {
  guest.touch(KERNEL_TEXT, false);
  for (let i = 0; i < CALLS; i++) if (mmu.pinPage(KERNEL_TEXT)) sink.value++;
});

const small = new BenchGuest({ directories: 2 });
const many = Array.from({ length: 8 }, () => small.process());
bench('newPageTable-miss', 2000, () => {
  for (let i = 0; i < 2000; i++) small.mmu.newPageTable(many[i & 7]!);
});

/*
 * What should a flush do? Here: check each entry against the Guest's. The alternative, to drop them all, costs this many
 * faults anew, each of them with a trip to the Host on top.
 */
for (let i = 0; i < KERNEL_PAGES; i++) guest.touch(KERNEL_TEXT + i * 4096, false);
for (const address of WORKING_SET) guest.touch(address, true);
bench(`flushAll-${KERNEL_PAGES + WORKING_SET.length}-pages`, 200, () => {
  for (let i = 0; i < 200; i++) mmu.flushAll();
});
bench(`flushUser-${WORKING_SET.length}-pages`, 2000, () => {
  for (let i = 0; i < 2000; i++) mmu.flushUser();
});
bench(`fill-${WORKING_SET.length}-pages-again`, 500, () => {
  for (let i = 0; i < 500; i++) {
    for (const address of WORKING_SET) {
      mmu.setPte(first, address, 0);
      guest.touch(address, true);
    }
  }
});
