/*G:400
 * The shell.
 *
 * An ordinary program in ring 3. Commands that only look are done by the shell itself; those that can be waited for,
 * killed or left in the background run in a fork of it. Nothing is ever loaded: there is one program, and each process
 * is a copy of it that has gone its own way.
 */
import { crashKinds } from '../kernel/crash.js';
import { source } from '../language/b.js';

/** userMain(): init, which keeps a shell: prompt, read, run. */
export const shell = source('shell')`
const LINE_BYTES = 256;
const MOST_WORDS = 16;
bytes lineBuffer[LINE_BYTES], fileBuffer[4096], clockPlace[8];
var words[MOST_WORDS], wordCount;

function split(line) {
  wordCount = 0;
  while (1) {
    while (load8(line) == ' ') {
      store8(line, 0);
      line++;
    }
    if (load8(line) == 0) break;
    if (wordCount < MOST_WORDS) {
      words[wordCount] = line;
      wordCount++;
    }
    while (load8(line) != ' ' && load8(line) != 0) line++;
  }
  if (wordCount < MOST_WORDS) words[wordCount] = 0;
}

function isNumber(text) {
  if (text == 0 || load8(text) == 0) return 0;
  for (text = text; load8(text) != 0; text++)
    if (load8(text) < '0' || load8(text) > '9') return 0;
  return 1;
}

function number(text) {
  var value = 0;
  for (text = text; load8(text) >= '0' && load8(text) <= '9'; text++) value = value * 10 + load8(text) - '0';
  return value;
}

function word(index) { return index < wordCount ? words[index] : ""; }

function help() {
  printf("help                  this\n");
  printf("ps mem irq            processes, memory, interrupts\n");
  printf("cat [FILE]            tasks meminfo interrupts counters uptime cpuinfo devices cmdline random disk\n");
  printf("echo TEXT, sleep SECONDS, time COMMAND, spin, kill PID\n");
  printf("COMMAND &             in the background; control-C ends a command in the foreground\n");
  printf("write SECTOR TEXT     put text on the disk; cat disk [SECTOR] shows it\n");
  printf("fault [null|kernel|privileged|divide|stack]  a program's mistake, which ends the program\n");
  printf("bench [syscall|reflect|fault|switch|fork|irq|blk]\n");
  printf("crash [kernel-page-fault|triple|bad-hypercall|bad-pte|bad-idt]  a kernel's, which ends the Guest\n");
  printf("reboot, poweroff\n");
}

// A path may begin with /proc/ or /dev/.
function baseName(path) {
  var base = path;
  for (path = path; load8(path) != 0; path++)
    if (load8(path) == '/') base = path + 1;
  return base;
}

function cat(path) {
  if (sameText(baseName(path), "disk")) {
    showSector(isNumber(word(2)) ? number(word(2)) : 0);
    return;
  }
  var length = systemCall(SYS_proc, baseName(path), fileBuffer, 4096);
  if (length == ~0) printf("cat: no file %s\n", path);
  else systemCall(SYS_write, fileBuffer, length, 0);
}

function printable(c) { return c >= ' ' && c < 127 ? c : '.'; }

function showSector(sector) {
  if (systemCall(SYS_readblock, sector, fileBuffer, 1) == ~0) {
    printf(systemCall(SYS_sectors, 0, 0, 0) == 0 ? "no disk; start the Guest with --block FILE\n" : "cannot read that sector\n");
    return;
  }
  for (var row = 0; row < 64; row += 16) {
    printf("%04x ", row);
    for (var i = 0; i < 16; i++) printf(" %02x", load8(fileBuffer + row + i));
    printf("  ");
    for (var j = 0; j < 16; j++) printf("%c", printable(load8(fileBuffer + row + j)));
    printf("\n");
  }
}

function writeSector() {
  if (!isNumber(word(1)) || wordCount < 3) {
    printf("write SECTOR TEXT\n");
    return;
  }
  fillWords(fileBuffer, 0, 128);
  var at = fileBuffer;
  for (var i = 2; i < wordCount; i++) {
    copyText(at, words[i], fileBuffer + 510 - at);
    at += textLength(at);
    store8(at, ' ');
    at++;
  }
  store8(at - 1, '\n');
  if (systemCall(SYS_writeblock, number(word(1)), fileBuffer, 1) == ~0) printf("cannot write there\n");
}

function echo() {
  for (var i = 1; i < wordCount; i++) printf(i == 1 ? "%s" : " %s", words[i]);
  printf("\n");
}

function sleepCommand() {
  // seconds, with at most three digits behind the point
  var text = word(1);
  var milliseconds = number(text) * 1000;
  while (load8(text) >= '0' && load8(text) <= '9') text++;
  if (load8(text) == '.') {
    var unit = 100;
    for (text = text + 1; load8(text) >= '0' && load8(text) <= '9'; text++) {
      milliseconds += (load8(text) - '0') * unit;
      unit = unit / 10;
    }
  }
  systemCall(SYS_sleep, milliseconds, 0, 0);
}

function spin() {
  while (1) {}
}

function descend(depth) { return descend(depth + 1) + depth; }

function fault(kind) {
  if (sameText(kind, "kernel")) load32(KERNEL_BASE + USER_IMAGE);
  else if (sameText(kind, "privileged")) haltCpu();
  else if (sameText(kind, "divide")) printf("%d\n", 1 / wordCount / 0);
  else if (sameText(kind, "stack")) descend(0);
  else load32(0);
}

function crashCommand(kind) {
  var number = crashNumber(kind);
  if (number == ~0) printf("crash kernel-page-fault|triple|bad-hypercall|bad-pte|bad-idt\n");
  else systemCall(SYS_crash, number, 0, 0);
}

function killCommand() {
  if (!isNumber(word(1))) printf("kill PID\n");
  else if (systemCall(SYS_kill, number(word(1)), 0, 0) == ~0) printf("kill: cannot end process %s\n", word(1));
}

function readClock() { systemCall(SYS_clock, clockPlace, 0, 0); }

function timeCommand() {
  readClock();
  var seconds = clockPlace[0], nanoseconds = clockPlace[1];
  for (var i = 0; i < wordCount; i++) words[i] = words[i + 1];
  wordCount--;
  run();
  readClock();
  var passed = (clockPlace[0] - seconds) * 1000000 + clockPlace[1] / 1000 - nanoseconds / 1000;
  printf("real %d.%06d s\n", passed / 1000000, passed % 1000000);
}

// Commands that run in a process of their own. 1 when it was one.
function child() {
  var name = word(0);
  if (sameText(name, "sleep")) sleepCommand();
  else if (sameText(name, "spin")) spin();
  else if (sameText(name, "fault")) fault(word(1));
  else return 0;
  return 1;
}

function needsProcess(name) { return sameText(name, "sleep") || sameText(name, "spin") || sameText(name, "fault") || sameText(name, "bench"); }

// Commands the shell does itself. 1 when it was one.
function builtin() {
  var name = word(0);
  if (sameText(name, "help")) help();
  else if (sameText(name, "ps")) cat("tasks");
  else if (sameText(name, "mem")) cat("meminfo");
  else if (sameText(name, "irq")) cat("interrupts");
  else if (sameText(name, "cat")) cat(word(1));
  else if (sameText(name, "echo")) echo();
  else if (sameText(name, "time")) timeCommand();
  else if (sameText(name, "kill")) killCommand();
  else if (sameText(name, "write")) writeSector();
  else if (sameText(name, "bench")) bench(word(1));
  else if (sameText(name, "crash")) crashCommand(word(1));
  else if (sameText(name, "reboot")) systemCall(SYS_shutdown, 1, 0, 0);
  else if (sameText(name, "poweroff")) systemCall(SYS_shutdown, 0, 0, 0);
  else return 0;
  return 1;
}

function inBackground() {
  var last = word(wordCount - 1);
  if (wordCount == 0) return 0;
  var end = textLength(last) - 1;
  if (load8(last + end) != '&') return 0;
  store8(last + end, 0);
  if (end == 0) wordCount--;
  return 1;
}

function run() {
  if (wordCount == 0) return;
  var background = inBackground();
  if (wordCount == 0) return;
  if (!background && !needsProcess(word(0))) {
    if (!builtin()) printf("%s: no such command; try help\n", word(0));
    return;
  }
  var pid = systemCall(SYS_fork, word(0), 0, 0);
  if (pid == ~0) printf("no room for another process\n");
  else if (pid == 0) {
    if (!child()) builtin();
    systemCall(SYS_exit, 0, 0, 0);
  } else if (background) printf("[%d] %s\n", pid, word(0));
  else if (systemCall(SYS_wait, pid, 0, 0) == 0 && sameText(word(0), "bench")) warm = 1;
}

// Tell of background processes that have ended.
function reap() {
  while (1) {
    var pid = systemCall(SYS_reap, 0, 0, 0);
    if (pid == ~0) return;
    printf("[%d] done\n", pid);
  }
}

function shell() {
  while (1) {
    printf("$ ");
    readLine(lineBuffer, LINE_BYTES);
    split(lineBuffer);
    run();
    reap();
  }
}

// The first process starts a shell, and another one should that come to grief.
function userMain() {
  printf("Type help.\n");
  while (1) {
    if (systemCall(SYS_fork, "shell", 0, 0) == 0) shell();
    systemCall(SYS_wait, 0, 0, 0);
  }
}
`;

/** haltCpu(): an instruction that ring 3 may not use. */
export const haltCpu = { name: 'halt-cpu', text: 'haltCpu:\n  hlt\n  ret\n' };

/** crashNumber(name): the kind's number for the system call. */
export const crashNumbers = {
  name: 'crash numbers',
  text: `function crashNumber(name) {\n${crashKinds.map((kind, i) => `  if (sameText(name, "${kind}")) return ${i};\n`).join('')}  return ~0;\n}\n`,
};
