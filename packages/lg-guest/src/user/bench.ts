/*G:410
 * What things cost, measured from inside.
 *
 * Each measurement does something again and again and divides the time by the number. The wall clock may stand still
 * between interrupts, so a measurement starts when it has just moved and ends when it moves again. The best counts: what
 * disturbs makes slower, never faster. Below us is code that compiles itself while it runs: the first bench gives it a
 * second for that, and each goes on until a few tries in a row have brought nothing. Lines read `BENCH name value unit`.
 */
import { source } from '../language/b.js';

/** bench(name): one benchmark, or all with an empty name. */
export const bench = source('bench')`
const WARM_UP = 1200000000;             // nanoseconds
const SHORTEST = 25000000;
const PATIENCE = 4;                     // tries in a row that make nothing better
const WORTHWHILE = 50;                  // better by one part in so many
const MOST_TRIES = 16;
const HEAP_PAGES = 64;
const NANOSECONDS = 1000000000;

var benchSeconds, benchNanoseconds, someBench, warm;   // warm: the shell keeps it from one bench to the next

function clockMoved() {
  var seconds = clockPlace[0], nanoseconds = clockPlace[1];
  readClock();
  return seconds != clockPlace[0] || nanoseconds != clockPlace[1];
}

// Nanoseconds since the start; right for four seconds.
function benchTime() { return (clockPlace[0] - benchSeconds) * NANOSECONDS + clockPlace[1] - benchNanoseconds; }

// Call batch(size) until this much time has passed; nanoseconds for each of the things it does.
function timeOf(batch, size, shortest) {
  var done = 0;
  readClock();
  while (!clockMoved()) {}
  benchSeconds = clockPlace[0];
  benchNanoseconds = clockPlace[1];
  while (1) {
    batch(size);
    done += size;
    if (clockMoved() && benchTime() >= shortest) return benchTime() / done;
  }
}

function measure(name, batch, size) {
  if (!warm) timeOf(batch, size, WARM_UP);
  warm = 1;
  var best = ~0, left = PATIENCE;
  for (var tries = 0; left > 0 && tries < MOST_TRIES; tries++) {
    var time = timeOf(batch, size, SHORTEST);
    left--;
    if (time < best - best / WORTHWHILE) left = PATIENCE;
    if (time < best) best = time;
  }
  printf("BENCH %s %d ns\n", name, best);
}

function touchPages(count) {
  for (var i = 0; i < count; i++) store8(USER_HEAP + i * PAGE_SIZE, 1);
  systemCall(SYS_release, USER_HEAP, count, 0);
}

// The partner yields as well: twice as many switches as calls of ours.
function yieldTwice(count) {
  for (var i = 0; i < count; i += 2) systemCall(SYS_yield, 0, 0, 0);
}

function forkAndWait(count) {
  for (var i = 0; i < count; i++) {
    var pid = systemCall(SYS_fork, 0, 0, 0);
    if (pid == 0) systemCall(SYS_exit, 0, 0, 0);
    systemCall(SYS_wait, pid, 0, 0);
  }
}

function makeInterrupts(count) { systemCall(SYS_interrupts, count, 0, 0); }

function readBlocks(count) {
  for (var i = 0; i < count; i++) systemCall(SYS_readblock, 0, fileBuffer, 8);
}

function benchSwitch() {
  var parent = systemCall(SYS_getpid, 0, 0, 0);
  var partner = systemCall(SYS_fork, "partner", 0, 0);
  if (partner == 0) {
    while (systemCall(SYS_getppid, 0, 0, 0) == parent) yieldTwice(128);
    systemCall(SYS_exit, 0, 0, 0);
  }
  measure("switch", yieldTwice, 32);
  systemCall(SYS_kill, partner, 0, 0);
  systemCall(SYS_wait, partner, 0, 0);
}

function wanted(asked, name) {
  if (load8(asked) != 0 && !sameText(asked, name)) return 0;
  someBench = 1;
  return 1;
}

function bench(asked) {
  var sectors = systemCall(SYS_sectors, 0, 0, 0);
  if (wanted(asked, "syscall")) measure("syscall", directCalls, 256);
  if (wanted(asked, "reflect")) measure("reflect", reflectedCalls, 128);
  if (wanted(asked, "fault")) measure("fault", touchPages, HEAP_PAGES);
  if (wanted(asked, "switch")) benchSwitch();
  if (wanted(asked, "fork")) measure("fork", forkAndWait, 2);
  if (wanted(asked, "irq")) measure("irq", makeInterrupts, 32);
  if (wanted(asked, "blk")) {
    if (sectors >= 8) measure("blk", readBlocks, 8);
    else if (load8(asked) != 0) printf("no disk; start the Guest with --block FILE\n");
  }
  if (!someBench) printf("bench syscall|reflect|fault|switch|fork|irq|blk\n");
}
`;
