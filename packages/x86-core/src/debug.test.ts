/*
 * Breakpoints and single steps, seen by a program: the machine runs, a handler's gate leads to the owner.
 */
import { beforeEach, describe, expect, it } from 'vitest';
import { Dr6 } from './debug.js';
import { Stepper } from './engine.js';
import { ExitReason } from './exit.js';
import { Vector } from './fault.js';
import { Cr4, Eflags, Layout, Register, State } from './state.js';
import { resetProcessor } from './reset.js';
import { flatMachine } from './testing/flat-machine.js';
import { At, eip, gate, makeProcessor, poke32, pokeEntry, resetProtected, Sel, setEsp, stackWords, Type } from './testing/protected.js';

const cpu = makeProcessor({ exitSelector: Sel.owner });
const stepper = new Stepper(cpu);
const DR = State.dr >> 2;
const dr6 = (): number => cpu.i32[DR + 6]! & Dr6.writable;

function program(hex: string): void {
  cpu.u8.set(hex.split(' ').map((byte) => Number.parseInt(byte, 16)), Layout.physical + At.code);
}

/** Execute until the owner is called or `limit` instructions are done; the EIPs passed. */
function trace(limit = 10): number[] {
  const path: number[] = [];
  cpu.i32[State.budget >> 2] = limit;
  stepper.begin();
  while (cpu.i32[State.budget >> 2]! > 0 && cpu.pendingExit < 0) {
    path.push(eip(cpu) - At.code);
    stepper.step();
  }
  return path;
}

/** Arm breakpoint n: condition 0 execute, 1 write, 3 access; length code 0 1, 1 2, 3 4 bytes. */
function arm(n: number, address: number, condition: number, length: number): void {
  cpu.i32[DR + n] = address;
  cpu.i32[DR + 7]! |= (1 << (2 * n)) | (condition << (16 + 4 * n)) | (length << (18 + 4 * n));
  // MOV to DR7 does the rest
  program('0f 23 f8');
  cpu.i32[(State.gpr >> 2) + Register.eax] = cpu.i32[DR + 7]!;
  stepper.reference.step();
  cpu.i32[State.eip >> 2] = At.code;
}

beforeEach(() => {
  resetProtected(cpu);
  cpu.pendingExit = -1;
  cpu.debugStatus = 0;
  pokeEntry(cpu, At.idt, Vector.debug, gate(Sel.owner, 0, Type.interrupt));
});

describe('single steps', () => {
  it('trap after the instruction that follows the one that set TF', () => {
    cpu.push32(Eflags.tf);
    program('9d 90 90');
    expect(trace()).toEqual([0, 1]);
    expect([eip(cpu), dr6(), cpu.exit.vector]).toEqual([At.code + 2, Dr6.step, Vector.debug]);
  });

  it.each(['reference', 'interpreter', 'jit'] as const)('trap when somebody kicks meanwhile, too (%s)', (engine) => {
    let kicks = 0;
    const machine = flatMachine('out %al, $0x10; nop; hlt', 0x8000, {
      physicalBytes: 1 << 16, engine, exitSelector: Sel.owner,
      ports: { read: () => 0, write: () => { kicks++; machine.cpu.kick(); } },
    });
    const { cpu: stepped, physical } = machine;
    const idt = 0x2000;
    const handler = 0x3000;
    physical.write32(0x4000 + 8 + 4, 0x00cf_9b00);
    physical.write32(0x4000 + 8, 0xffff);
    stepped.setGdt(0x4000, 0xff);
    stepped.setIdt(idt, 0xff);
    physical.write32(idt + 8 * Vector.debug, (8 << 16) | handler);
    physical.write32(idt + 8 * Vector.debug + 4, 0x8e00);
    stepped.eflags = Eflags.tf | Eflags.always;
    const start = stepped.eip;
    expect(stepped.run(100)).toMatchObject({ reason: ExitReason.kick });
    // the instruction is done, and its trap with it: the run ends at the handler
    expect([kicks, stepped.eip, stepped.retired]).toEqual([1, handler, 1]);
    expect(physical.read32(stepped.regs[Register.esp]!)).toBe(start + 2);
  });

  it('a software interrupt takes the trap along', () => {
    pokeEntry(cpu, At.idt, 0x80, gate(Sel.code0, At.code + 0x10, Type.trap));
    cpu.i32[State.eflags >> 2] = Eflags.tf;
    cpu.updateMode();
    program('cd 80');
    cpu.u8[Layout.physical + At.code + 0x10] = 0xf4;
    expect(trace()).toEqual([0, 0x10]);
    expect(cpu.pendingExit).toBe(ExitReason.halt);
    expect(stackWords(cpu, 3)[2]! & Eflags.tf).toBe(Eflags.tf);
  });

  it('wait for the instruction after MOV SS', () => {
    cpu.i32[(State.gpr >> 2) + Register.eax] = Sel.data0;
    cpu.i32[State.eflags >> 2] = Eflags.tf;
    cpu.updateMode();
    program('8e d0 90 90');
    expect(trace()).toEqual([0, 2]);
    expect(eip(cpu)).toBe(At.code + 3);
  });
});

describe('breakpoints', () => {
  it('on an instruction: a fault before it, once RF is set it passes', () => {
    arm(0, At.code + 1, 0, 0);
    program('90 90 f4');
    expect(trace()).toEqual([0, 1]);
    expect([eip(cpu), dr6(), cpu.exit.vector]).toEqual([At.code + 1, 1, Vector.debug]);
    cpu.pendingExit = -1;
    cpu.i32[State.eflags >> 2]! |= Eflags.rf;
    expect(trace()).toEqual([1, 2]);
    expect(cpu.pendingExit).toBe(ExitReason.halt);
    expect(cpu.i32[State.eflags >> 2]! & Eflags.rf).toBe(0);
  });

  it('on writes: a trap after them, not for reads', () => {
    arm(1, 0x6_0004, 1, 3);
    // mov eax,[60004]; mov [60000],eax; mov [60007],al; nop
    program('a1 04 00 06 00 a3 00 00 06 00 a2 07 00 06 00 90');
    expect(trace()).toEqual([0, 5, 10]);
    expect([eip(cpu), dr6()]).toEqual([At.code + 15, 2]);
  });

  it('on any access, the stack included', () => {
    setEsp(cpu, 0x6_0008);
    arm(2, 0x6_0004, 3, 3);
    program('50 90');
    expect(trace()).toEqual([0]);
    expect(dr6()).toBe(4);
  });

  it('on ports, with CR4.DE only', () => {
    cpu.i32[(State.gpr >> 2) + Register.edx] = 0x3f9;
    arm(3, 0x3f8, 2, 3);
    program('ec ec f4');
    cpu.i32[State.cr4 >> 2] = 0;
    expect(trace(1)).toEqual([0]);
    expect([cpu.pendingExit, dr6()]).toEqual([-1, 0]);
    cpu.i32[State.cr4 >> 2] = Cr4.de;
    expect(trace()).toEqual([1]);
    expect([eip(cpu), dr6()]).toEqual([At.code + 2, 8]);
  });

  it('not after they are disarmed', () => {
    arm(0, At.code + 1, 0, 0);
    program('31 c0 0f 23 f8 90 f4');
    cpu.i32[DR] = At.code + 5;
    expect(trace()).toEqual([0, 2, 5, 6]);
    expect(cpu.watching).toBe(0);
  });

  it('not after a switch to another task, if they are local', () => {
    arm(0, 0x6_0000, 1, 3);
    const entry = At.code + 0x10;
    poke32(cpu, At.tss2 + 32, entry);
    poke32(cpu, At.tss2 + 76, Sel.code0);
    for (const segment of [72, 80, 84, 88, 92]) poke32(cpu, At.tss2 + segment, Sel.data0);
    // jmp tss2:0; and there mov [60000],eax; hlt
    program('ea 00 00 00 00 40 00');
    cpu.u8.set([0xa3, 0, 0, 6, 0, 0xf4], Layout.physical + entry);
    expect(trace()).toEqual([0, 0x10, 0x15]);
    expect([cpu.pendingExit, dr6()]).toEqual([ExitReason.halt, 0]);
  });

  it('not after a reset, and what was due is forgotten', () => {
    arm(0, 0x6_0000, 3, 3);
    cpu.debugStatus = 1;
    cpu.stepTrap = true;
    resetProcessor(cpu);
    expect([cpu.watching, cpu.debugStatus, cpu.stepTrap]).toEqual([0, 0, false]);
  });
});

it('a fault in a shielded instruction pushes RF', () => {
  arm(0, At.code, 0, 0);
  pokeEntry(cpu, At.idt, Vector.invalidOpcode, gate(Sel.code0, At.code + 0x10, Type.trap));
  program('0f 0b');
  cpu.i32[State.eflags >> 2]! |= Eflags.rf;
  trace(1);
  expect(eip(cpu)).toBe(At.code + 0x10);
  expect(stackWords(cpu, 3)).toEqual([At.code, Sel.code0, Eflags.rf | Eflags.always]);
});
