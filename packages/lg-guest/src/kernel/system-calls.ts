/*G:290
 * System calls.
 *
 * A number in eax, three arguments in ebx, ecx, edx, the answer in eax; ~0 says no. `int $0x80` gets here straight from
 * the CPU. `int3` gets here too, by way of the Host: the same call, dearer, which is what `bench reflect` measures.
 */
import { source } from '../language/b.js';

/** The names of all system calls; the number is the place in the list. The little language knows them as SYS_name. */
export const systemCallNames = [
  'exit', 'write', 'read', 'fork', 'wait', 'getpid', 'yield', 'sleep', 'kill', 'clock', 'release', 'proc', 'shutdown', 'crash',
  'reap', 'interrupts', 'sectors', 'readblock', 'writeblock', 'getppid',
] as const;

/** The functions behind them, named sysExit and so on; argument order as in the registers. */
export const systemCalls = source('system calls')`
const MOST_INTERRUPTS = 1024;          // the kernel is not preempted
bytes ioPage[PAGE_SIZE], nameBuffer[32];
var systemCalls, syscallTable[64], syscallCount, ioBusy;

// One page for what goes between user memory and devices; whoever sleeps with it holds it.
function takeIoPage() {
  while (ioBusy) sleepOn(&ioBusy);
  ioBusy = 1;
}

function giveIoPage() {
  ioBusy = 0;
  wakeUp(&ioBusy);
}

function sysExit(status, b, c) { exitTask(status); }

function sysWrite(text, length, c) {
  if (length > PAGE_SIZE) length = PAGE_SIZE;
  takeIoPage();
  var failed = copyUser(ioPage, text, length, text);
  if (!failed) consoleWrite(ioPage, length);
  giveIoPage();
  return failed ? ~0 : length;
}

// Typing may take for ever, so this uses no shared page: characters are few, and wait on the kernel stack.
function sysRead(buffer, most, c) {
  if (most > 64) most = 64;
  var count = consoleRead(current->stackTop - KERNEL_STACK_BYTES, most);
  return copyUser(buffer, current->stackTop - KERNEL_STACK_BYTES, count, buffer) ? ~0 : count;
}

// The child's name may be given, so that it is right from the start.
function sysFork(name, b, c) {
  if (name == 0) return forkTask(current + offset_name);
  if (copyUser(nameBuffer, name, 15, name)) return ~0;
  return forkTask(nameBuffer);
}

function sysReap(a, b, c) { return reapTask(); }
function sysWait(pid, b, c) { return waitTask(pid); }
function sysGetpid(a, b, c) { return current->pid; }
// 0 when the parent is gone.
function sysGetppid(a, b, c) { return current->parent == 0 ? 0 : current->parent->pid; }
function sysYield(a, b, c) { schedule(); return 0; }

function sysSleep(milliseconds, b, c) {
  sleepUntil(clockNow() + milliseconds);
  return 0;
}

function sysKill(pid, b, c) {
  var task = findTask(pid);
  if (task == 0 || pid == INIT_PID || task->state == ZOMBIE) return ~0;
  killTask(task);
  return 0;
}

function sysClock(place, b, c) {
  clockRead();
  return copyUser(place, &nowSeconds, 4, place) || copyUser(place + 4, &nowNanoseconds, 4, place + 4) ? ~0 : 0;
}

// Give back pages: they will be zero when they are touched again.
function sysRelease(address, pages, c) {
  if (!within(address, USER_HEAP, USER_HEAP_BYTES) || pages > USER_HEAP_BYTES / PAGE_SIZE) return ~0;
  for (var i = 0; i < pages; i++) {
    var page = (address & FRAME_MASK) + i * PAGE_SIZE;
    var entry = entryOf(current->directory, page, 0);
    if (entry == 0 || entry[0] == 0) continue;
    frameRelease(entry[0] & FRAME_MASK);
    entry[0] = 0;
    hypercallLater(LHCALL_SET_PTE, current->directory, page, 0, 0);
  }
  hypercall(LHCALL_FLUSH_ASYNC, 0, 0, 0, 0);
  return 0;
}

function sysProc(name, buffer, most) {
  if (copyUser(nameBuffer, name, 31, name)) return ~0;
  if (most > PAGE_SIZE) most = PAGE_SIZE;
  takeIoPage();
  var length = procRead(nameBuffer, ioPage, most);
  if (length != ~0 && copyUser(buffer, ioPage, length, buffer)) length = ~0;
  giveIoPage();
  return length;
}

function sysShutdown(again, b, c) {
  if (again) restart();
  powerOff();
}

function sysCrash(kind, b, c) { return crash(kind); }

// Make so many device interrupts: empty console output, with the interrupt we usually decline.
function sysInterrupts(count, b, c) {
  if (count > MOST_INTERRUPTS) return ~0;
  queueInterrupts(consoleOutput, 1);
  for (var i = 0; i < count; i++) {
    queueOffer(consoleOutput, queueAdd(consoleOutput, physicalOf(ioPage), 0, 0, ~0));
    irqEnable();
    queueKick(consoleOutput);
    irqDisable();
  }
  queueInterrupts(consoleOutput, 0);
  outputInterrupt(consoleOutput);
  return 0;
}

function sysSectors(a, b, c) { return blockSectors; }

function sysReadblock(sector, buffer, sectors) { return blockCall(VirtioBlkType_in, sector, buffer, sectors); }
function sysWriteblock(sector, buffer, sectors) { return blockCall(VirtioBlkType_out, sector, buffer, sectors); }

function blockCall(type, sector, buffer, sectors) {
  var length = sectors * VIRTIO_BLK_SECTOR_BYTES, failed = 0;
  if (sectors == 0 || sectors > PAGE_SIZE / VIRTIO_BLK_SECTOR_BYTES || sector >= blockSectors || sectors > blockSectors - sector) return ~0;
  takeIoPage();
  if (type == VirtioBlkType_out) failed = copyUser(ioPage, buffer, length, buffer);
  if (!failed) failed = blockTransfer(type, sector, ioPage, length);
  if (!failed && type == VirtioBlkType_in) failed = copyUser(buffer, ioPage, length, buffer);
  giveIoPage();
  return failed ? ~0 : length;
}
`;

/** loadSystemCalls(): fill the table. */
export const systemCallTable = {
  name: 'system call table',
  text: `function loadSystemCalls() {\n${systemCallNames
    .map((name, number) => `  syscallTable[${number}] = sys${name[0]!.toUpperCase()}${name.slice(1)};\n`)
    .join('')}  syscallCount = ${systemCallNames.length};\n}\n`,
};
