/*G:260
 * Time.
 *
 * The Host writes the wall clock into lguest_data whenever it delivers an interrupt. Between interrupts it stands
 * still, unless the Host says how fast the time-stamp counter runs; then we add what has passed since. The other half
 * is a one-shot timer: SET_CLOCKEVENT, so many nanoseconds from now, virtual irq 0. While a program runs it ticks; when
 * all sleep it is set for the first to be woken, or not at all.
 */
import { source } from '../language/b.js';

/** clockNow(), milliseconds since boot; clockRead(); clockInterrupt(). */
export const clock = source('clock')`
const TICK = 10000000;                   // nanoseconds
const MILLISECOND = 1000000;
const SECOND = 1000000000;
const LONGEST_REST = 4000;               // milliseconds that fit into a word of nanoseconds
const NEVER = 0xffffffff;

var bootSeconds, bootNanoseconds, clockTicks, ticking, stampAtInterrupt, nowSeconds, nowNanoseconds;

function clockStart() {
  bootSeconds = load32(lguestData + LguestDataOffset_timeSeconds);
  bootNanoseconds = load32(lguestData + LguestDataOffset_timeNanoseconds);
  stampAtInterrupt = timestamp();
}

// The wall clock, to nowSeconds and nowNanoseconds.
function clockRead() {
  var khz = load32(lguestData + LguestDataOffset_tscKhz);
  nowSeconds = load32(lguestData + LguestDataOffset_timeSeconds);
  nowNanoseconds = load32(lguestData + LguestDataOffset_timeNanoseconds);
  if (khz == 0) return;
  var passed = timestamp() - stampAtInterrupt;
  // more than a second without an interrupt: the tick is not running and the counter may have wrapped
  if (passed / khz < 1000) nowNanoseconds += scale(passed, MILLISECOND, khz);
  if (nowNanoseconds >= SECOND) {
    nowNanoseconds -= SECOND;
    nowSeconds++;
  }
}

function clockNow() {
  clockRead();
  return (nowSeconds - bootSeconds) * 1000 + nowNanoseconds / MILLISECOND - bootNanoseconds / MILLISECOND;
}

function clockRun() {
  if (ticking) return;
  ticking = 1;
  hypercallLater(LHCALL_SET_CLOCKEVENT, TICK, 0, 0, 0);
}

// Nobody runs: the next thing to happen in time is the first sleeper's end.
function clockRest() {
  var first = NEVER, now = clockNow();
  for (var i = 1; i < MAX_TASKS; i++)
    if (taskAt(i)->state == SLEEPING && taskAt(i)->wakeAt < first) first = taskAt(i)->wakeAt;
  ticking = 0;
  var wait = first <= now ? 1 : first - now;
  if (wait > LONGEST_REST) wait = LONGEST_REST;
  hypercallLater(LHCALL_SET_CLOCKEVENT, first == NEVER ? 0 : wait * MILLISECOND, 0, 0, 0);
}

function clockInterrupt() {
  clockTicks++;
  ticking = 0;
  current->cpuTime++;
  var now = clockNow();
  for (var i = 1; i < MAX_TASKS; i++) {
    var task = taskAt(i);
    if (task->state == SLEEPING && task->wakeAt <= now) task->state = READY;
  }
  if (current != taskAt(0)) {
    needReschedule = 1;
    clockRun();
    // the new tick is in the ring; a program that makes no calls would not bring it to the Host
    hypercall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
  }
}
`;
