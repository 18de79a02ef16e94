/*G:300
 * What the kernel says about itself.
 *
 * Files without a disk: a name, and text made at the moment somebody reads it. ps, mem and irq in the shell are nothing
 * but these.
 */
import { hypercallNames } from '@lguest/lg-host/abi';
import { source } from '../language/b.js';

/** procRead(name, buffer, most): the length, ~0 for a name that is not there. */
export const proc = source('proc')`
var procBuffer, procMost, procLength;
bytes procScratch[64];

function procPut(c) {
  if (procLength < procMost) {
    store8(procBuffer + procLength, c);
    procLength++;
  }
}

function say(format, ...) { formatTo(procPut, format, arguments() + 4); }

function stateName(task) {
  if (task == current) return "running";
  if (task->state == READY) return "ready";
  if (task->state == SLEEPING) return "sleeping";
  if (task->state == BLOCKED) return "waiting";
  return "zombie";
}

function procTasks() {
  say("  PID PARENT STATE      CPU ms  FAULTS SWITCHES NAME\n");
  for (var i = 0; i < MAX_TASKS; i++) {
    var task = taskAt(i);
    if (task->state == FREE) continue;
    say("%5d %6d %8s %8d %7d %8d %s\n", task->pid, task->parent == 0 ? 0 : task->parent->pid, stateName(task), task->cpuTime * (TICK / MILLISECOND),
      task->faults, task->switches, task + offset_name);
  }
}

function procMemory() {
  say("memory      %8d KiB\n", memoryBytes / 1024);
  say("free        %8d KiB\n", framesFree * (PAGE_SIZE / 1024));
  say("kernel      %8d KiB\n", firstManaged / 1024);
  say("reserved    %8d KiB at the top of virtual space, by the Host\n", lguestData[LguestDataOffset_reserveMem / 4] / 1024);
  say("program text %7d faults\n", textFaults);
  say("demand zero %8d faults\n", demandZeroFaults);
  say("copy on write %6d faults\n", copyOnWriteFaults);
}

function interruptName(irq) {
  if (irq == LGUEST_TIMER_IRQ) return "clock";
  if (consoleReady && irq == consoleInput->queueIrq) return "console input";
  if (consoleReady && irq == consoleOutput->queueIrq) return "console output";
  if (blockSectors != 0 && irq == blockQueue->queueIrq) return "disk";
  if (rngPresent && irq == rngQueue->queueIrq) return "random";
  return "";
}

function procInterrupts() {
  say("IRQ    COUNT NAME\n");
  for (var irq = 0; irq < LGUEST_IRQS; irq++) {
    var name = interruptName(irq);
    if (load8(name) != 0 || interruptCounts[irq] != 0) say("%3d %8d %s\n", irq, interruptCounts[irq], name);
  }
}

function procCounters() {
  say("system calls     %8d\n", systemCalls);
  say("context switches %8d\n", contextSwitches);
  say("clock ticks      %8d\n", clockTicks);
  say("idle halts       %8d\n", halts);
  say("page faults      %8d\n", trapCounts[PAGE_FAULT]);
  say("forks            %8d\n", forks);
  say("programs killed  %8d\n", programsKilled);
  say("disk requests    %8d\n", blockRequests);
  say("hypercalls put off %6d\n", deferredCalls);
  sayHypercalls();
}

function procUptime() {
  var now = clockNow();
  say("%d.%03d\n", now / 1000, now % 1000);
}

function procCpu() {
  cpuidRead(0, procScratch);
  procScratch[4] = procScratch[1];
  procScratch[5] = procScratch[3];
  procScratch[6] = procScratch[2];
  procScratch[7] = 0;
  say("vendor %s, highest leaf %d\n", procScratch + 16, procScratch[0]);
  cpuidRead(1, procScratch);
  say("signature 0x%08x features 0x%08x 0x%08x\n", procScratch[0], procScratch[3], procScratch[2]);
  var khz = lguestData[LguestDataOffset_tscKhz / 4];
  if (khz != 0) say("time-stamp counter %d kHz\n", khz);
  else say("time-stamp counter not usable as a clock\n");
}

function deviceName(type) {
  if (type == VirtioId_net) return "net";
  if (type == VirtioId_block) return "block";
  if (type == VirtioId_console) return "console";
  if (type == VirtioId_rng) return "rng";
  return "unknown";
}

function procDevices() {
  for (var record = DEVICE_WINDOW; load8(record) != VirtioId_none; record += recordBytes(record))
    say("0x%08x %8s queues %d status %d\n", devicePhysical(record), deviceName(load8(record)), load8(record + DeviceOffset_numVq), load8(record + DeviceOffset_status));
}

function procRandom() {
  var length = rngRead(procScratch, 16);
  if (length == 0) say("no entropy device; start the Guest with --rng\n");
  else {
    for (var i = 0; i < length; i++) say("%02x", load8(procScratch + i));
    say("\n");
  }
}

function procList() {
  say("tasks meminfo interrupts counters uptime cpuinfo devices cmdline random\n");
}

function procCommandLine() { say("%s\n", virtualOf(COMMAND_LINE_ADDRESS)); }

function procRead(name, buffer, most) {
  procBuffer = buffer;
  procMost = most;
  procLength = 0;
  if (sameText(name, "tasks")) procTasks();
  else if (sameText(name, "meminfo")) procMemory();
  else if (sameText(name, "interrupts")) procInterrupts();
  else if (sameText(name, "counters")) procCounters();
  else if (sameText(name, "uptime")) procUptime();
  else if (sameText(name, "cpuinfo")) procCpu();
  else if (sameText(name, "devices")) procDevices();
  else if (sameText(name, "cmdline")) procCommandLine();
  else if (sameText(name, "random")) procRandom();
  else if (load8(name) == 0) procList();
  else return ~0;
  return procLength;
}
`;

/** sayHypercalls(): how often each was made. */
export const procHypercalls = {
  name: 'proc hypercalls',
  text: `function sayHypercalls() {\n${hypercallNames
    .map((name, n) => (name === undefined ? '' : `  if (hypercallCounts[${n}] != 0) say("LHCALL_${name.padEnd(17)} %6d\\n", hypercallCounts[${n}]);\n`))
    .join('')}}\n`,
};
