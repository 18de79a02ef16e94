/*G:270
 * The end.
 *
 * SHUTDOWN carries a message. "Power down" is how Linux says goodbye; anything else is a last word, and the Launcher
 * takes it for a panic.
 */
import { source } from '../language/b.js';

/** panic(text), panicTrap(frame, vector, address), powerOff(), restart(). */
export const panics = source('panic')`
bytes lastWords[LGUEST_MESSAGE_BYTES];
var lastLength;

function lastPut(c) {
  if (lastLength < LGUEST_MESSAGE_BYTES - 1) {
    store8(lastWords + lastLength, c);
    lastLength++;
  }
}

function shutDown(text, reason) {
  hypercall(LHCALL_SHUTDOWN, physicalOf(text), reason, 0, 0);
}

function panic(format, ...) {
  irqDisable();
  formatTo(lastPut, "Kernel panic: ", 0);
  formatTo(lastPut, format, arguments() + 4);
  store8(lastWords + lastLength, 0);
  print("%s\n", lastWords);
  shutDown(lastWords, SHUTDOWN_POWEROFF);
}

function panicTrap(frame, vector, address) {
  irqDisable();
  print("%s in the kernel: eip 0x%08x error %d cr2 0x%08x\n", exceptionName(vector), frame->frameEip, frame->frameError, address);
  print("eax 0x%08x ebx 0x%08x ecx 0x%08x edx 0x%08x\n", frame->frameEax, frame->frameEbx, frame->frameEcx, frame->frameEdx);
  print("esi 0x%08x edi 0x%08x ebp 0x%08x task %d (%s)\n", frame->frameEsi, frame->frameEdi, frame->frameEbp, current->pid, current + offset_name);
  if (vector == PAGE_FAULT) panic("page fault in the kernel at 0x%08x, eip 0x%08x", address, frame->frameEip);
  panic("%s in the kernel, eip 0x%08x", exceptionName(vector), frame->frameEip);
}

function powerOff() { shutDown("Power down", SHUTDOWN_POWEROFF); }
function restart() { shutDown("Restarting system", SHUTDOWN_RESTART); }
`;
