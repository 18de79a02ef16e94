/*
 * Power-on (SDM volume 3, table 9-1).
 */
import { writeEflags } from './flags.js';
import type { Processor } from './processor.js';
import { Access, Cr0, SegmentField, SegmentRegister, State } from './state.js';
import { resetX87 } from './x87/execute.js';

const resetVector = 0xfff0;
const resetCs = { selector: 0xf000, base: 0xffff_0000 };
const realLimit = 0xffff;
const dr6AtReset = 0xffff_0ff0;
const dr7AtReset = 0x400;
const mxcsrAtReset = 0x1f80;
const realData = Access.present | Access.notSystem | Access.writable | Access.accessed;
const systemType = { ldt: 2 << 8, busyTss: 11 << 8 } as const;

/** Bring every register to its value after RESET; memory stays. */
export function resetProcessor(cpu: Processor): void {
  const { i32, f64 } = cpu;
  i32.fill(0, State.gpr >> 2, (State.mxcsr >> 2) + 1);
  writeEflags(i32, 0);
  i32[State.eip >> 2] = resetVector;
  i32[State.cr0 >> 2] = Cr0.et | Cr0.nw | Cr0.cd;
  i32[State.mxcsr >> 2] = mxcsrAtReset;
  i32[(State.dr >> 2) + 6] = dr6AtReset;
  i32[(State.dr >> 2) + 7] = dr7AtReset;
  i32[State.gdtLimit >> 2] = realLimit;
  i32[State.idtLimit >> 2] = realLimit;
  f64[State.retired >> 3] = 0;
  for (let segment = 0; segment <= SegmentRegister.tr; segment++) {
    const at = (State.segments + segment * SegmentField.size) >> 2;
    i32[at + (SegmentField.limit >> 2)] = realLimit;
    i32[at + (SegmentField.access >> 2)] = realData;
  }
  const at = (register: number): number => (State.segments + register * SegmentField.size) >> 2;
  const cs = at(SegmentRegister.cs);
  i32[cs] = resetCs.selector;
  i32[cs + (SegmentField.base >> 2)] = resetCs.base;
  i32[cs + (SegmentField.access >> 2)] = realData | Access.code;
  i32[at(SegmentRegister.ldtr) + (SegmentField.access >> 2)] = Access.present | systemType.ldt;
  i32[at(SegmentRegister.tr) + (SegmentField.access >> 2)] = Access.present | systemType.busyTss;
  resetX87(cpu);
  cpu.pendingExit = -1;
  cpu.debugStatus = 0;
  cpu.stepTrap = false;
  cpu.mmu.flushAll(true);
  cpu.updateMode();
}
