/*G:230
 * What to do with a trap.
 *
 * There are three kinds: a page fault that can be mended, an interrupt for a driver, and a mistake. A program's mistake
 * ends the program. The kernel's own ends everything: there is nobody else to go on.
 */
import { source } from '../language/b.js';

/** handleTrap(frame). */
export const traps = source('traps')`
const PAGE_FAULT = 14;
var trapCounts[64], programsKilled;

function exceptionName(vector) {
  if (vector == 0) return "divide error";
  if (vector == 5) return "bound range";
  if (vector == 6) return "invalid opcode";
  if (vector == 7) return "no coprocessor";
  if (vector == 13) return "general protection fault";
  if (vector == PAGE_FAULT) return "page fault";
  return "exception";
}

function handleTrap(frame) {
  var vector = frame->frameVector;
  trapCounts[vector] = trapCounts[vector] + 1;
  if (vector >= FIRST_EXTERNAL_VECTOR) {
    handleInterrupt(vector - FIRST_EXTERNAL_VECTOR);
    return;
  }
  var address = load32(lguestData + LguestDataOffset_cr2);
  if (vector == PAGE_FAULT) {
    current->faults++;
    outOfMemory = 0;
    if (resolveFault(address, frame->frameError)) return;
  }
  var eip = frame->frameEip;
  if ((frame->frameCs & USER_PL) == USER_PL) killProgram(frame, vector, address);
  else if (eip >= userCopyStart && eip < userCopyEnd) frame->frameEip = userCopyFault;
  else panicTrap(frame, vector, address);
}

function killProgram(frame, vector, address) {
  programsKilled++;
  var why = vector == PAGE_FAULT && outOfMemory ? "out of memory, page fault" : exceptionName(vector);
  print("[%d %s] killed: %s", current->pid, current + offset_name, why);
  if (vector == PAGE_FAULT) print(" at 0x%08x", address);
  print(", eip 0x%08x, error %d\n", frame->frameEip, frame->frameError);
  killTask(current);
}
`;
