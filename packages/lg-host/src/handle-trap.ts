/*H:320
 * Why did the Guest come back?
 *
 * The CPU met a gate with the Host's selector and stopped. Nothing is pushed yet and no register has changed, so if we
 * can mend the cause, going on is all it takes. Most traps are page faults that only mean the shadow page table was
 * missing an entry. A hypercall is noted and carried out by the run loop. What we cannot mend goes to the Guest.
 */
import { Cr0, Register, SegmentRegister } from '@lguest/x86-core';
import { LGUEST_TRAP_ENTRY } from './abi/hypercalls.js';
import { vectorName } from './counters.js';
import { emulateInstruction } from './emulate.js';
import { type Guest, hex } from './guest.js';
import type { CpuExit } from './hardware.js';
import { NO_LGUEST_SUPPORT } from './hypercalls.js';
import { deliverTrap } from './traps.js';

/** The exceptions the Host looks at before the Guest does (SDM volume 3, table 6-1). */
const Vector = { noDevice: 7, protection: 13, pageFault: 14 } as const;

/** Deal with a trap that came out of the Guest. */
export function handleTrap(guest: Guest, exit: CpuExit): void {
  const { vector, errorCode } = exit;
  const { cpu, counters } = guest;
  counters.exits[vector]!++;
  if (vector === LGUEST_TRAP_ENTRY) {
    guest.hypercallPending = true;
    return;
  }
  if (guest.onTrace !== undefined) traceExit(guest, exit);

  switch (vector) {
    case Vector.pageFault: {
      const address = cpu.cr2 >>> 0;
      if (guest.mmu.demandPage(address, errorCode)) {
        counters.shadowFaultsFilled++;
        if (guest.onTrace !== undefined) guest.onTrace({ type: 'fill', address, errorCode });
        return;
      }
      if (guest.dead !== undefined) return;
      // the Guest's own fault: it cannot read cr2, so it finds the address in memory
      counters.shadowFaultsReflected++;
      if (guest.data !== undefined) guest.data.cr2 = address;
      break;
    }
    case Vector.protection:
      if (errorCode === 0 && exit.hasErrorCode && emulateInstruction(guest)) return;
      break;
    case Vector.noDevice:
      // TS is only ever set on the Guest's wish; if it no longer wishes, the instruction simply runs
      if (!guest.ts && (cpu.cr0 & Cr0.ts) !== 0) {
        cpu.cr0 &= ~Cr0.ts;
        return;
      }
      break;
  }

  if (!deliverTrap(guest, vector, errorCode, !exit.hasErrorCode)) {
    const detail = vector === Vector.pageFault ? cpu.cr2 : errorCode;
    const early = guest.data === undefined ? ` ${NO_LGUEST_SUPPORT}` : '';
    guest.kill(`unhandled trap ${vector} (${vectorName(vector)}) at ${hex(cpu.eip)} (${hex(detail)})${early}`);
  }
}

function traceExit(guest: Guest, exit: CpuExit): void {
  const { cpu } = guest;
  const { regs } = cpu;
  guest.onTrace!({
    type: 'exit', vector: exit.vector, errorCode: exit.hasErrorCode ? exit.errorCode : 0,
    cs: cpu.selector(SegmentRegister.cs), eip: cpu.eip >>> 0, esp: regs[Register.esp]! >>> 0, cr2: cpu.cr2 >>> 0,
    eax: regs[Register.eax]! >>> 0, edx: regs[Register.edx]! >>> 0, retired: cpu.retired,
  });
}
