/*S:480
 * The x87 instructions, D8 to DF.
 *
 * The coprocessor has an instruction set of its own behind eight escape opcodes: memory forms are chosen by ModRM's
 * middle bits, register forms by all of ModRM. Two tables say what each does, whether it first reports an exception
 * left pending by an earlier instruction (#MF), and whether it leaves its address in the last-instruction pointers.
 */
import { Feature } from '../cpuid.js';
import { Vector, raise } from '../fault.js';
import type { Instruction } from '../instruction.js';
import type { Processor } from '../processor.js';
import { Cr0, State } from '../state.js';
import {
  Operation, arithmeticMemory, arithmeticRegister, compareMemory, compareRegister, compareZero, examine, f2xm1, fcos,
  fpatan, fptan, frndint, fscale, fsin, fsincos, fsqrt, fxtract, fyl2x, fyl2xp1, remainder,
} from './compute.js';
import { Control, Exception, readStatus, Status, updateSummary } from './environment.js';
import { notePointers, restoreEnvironment, restoreState, saveState, storeEnvironment } from './image.js';
import { initialize } from './stack.js';
import {
  Format, changeSign, conditionalMove, exchange, free, load, loadRegister, operandAddress, pushConstant, rotate, store,
  storeRegister, storeRegisterQuietly,
} from './transfer.js';

const CR0 = State.cr0 >> 2;
const STATUS = State.fpuStatus >> 2;
const CONTROL = State.fpuControl >> 2;
const AX = State.gpr >> 1;

/** What one encoding does. `i` is ModRM's low three bits. */
interface Form {
  readonly run: (cpu: Processor, insn: Instruction, i: number) => void;
  /** Reports pending exceptions first. */
  readonly waits: boolean;
  /** A control instruction: leaves the last-instruction pointers alone. */
  readonly control: boolean;
}

type Run = Form['run'];

/** Ordinary instructions wait and leave their address. */
function form(run: Run): Form {
  return { run, waits: true, control: false };
}

/** Control instructions that wait: FLDCW, FLDENV, FRSTOR. */
function waitingControl(run: Run): Form {
  return { run, waits: true, control: true };
}

/** Control instructions that do not. */
function control(run: Run): Form {
  return { run, waits: false, control: true };
}

/** FCMOVcc and FCOMI came with CMOVcc, and share its feature bit. */
function sinceP6(run: Run): Run {
  return (cpu, insn, i) => {
    if ((cpu.features & Feature.cmov) === 0) raise(Vector.invalidOpcode);
    run(cpu, insn, i);
  };
}

/** Memory forms, by low opcode bits × 8 + ModRM's middle bits. Holes are #UD. */
const memoryForms = new Array<Form | undefined>(64);
/** Register forms, by low opcode bits × 64 + ModRM's low six bits. Holes are #UD. */
const registerForms = new Array<Form | undefined>(512);

function memoryForm(opcode: number, middle: number, entry: Form): void {
  memoryForms[(opcode & 7) * 8 + middle] = entry;
}

/** One register form: `modrm` from 0xc0. */
function registerForm(opcode: number, modrm: number, entry: Form): void {
  registerForms[(opcode & 7) * 64 + (modrm & 0x3f)] = entry;
}

/** Eight register forms, one per ST(i). */
function registerForms8(opcode: number, modrm: number, run: Run): void {
  for (let i = 0; i < 8; i++) registerForm(opcode, modrm + i, form(run));
}

// ── arithmetic: D8, DA, DC, DE with memory; D8, DC, DE with registers ──────────────────────────────────────────────

const arithmeticOperations = Object.values(Operation);
const compareMiddle = 2;
const comparePopMiddle = 3;
for (const [opcode, format] of [[0xd8, Format.single], [0xda, Format.int32], [0xdc, Format.double], [0xde, Format.int16]] as const) {
  for (const operation of arithmeticOperations) {
    memoryForm(opcode, operation, form((cpu, insn) => arithmeticMemory(cpu, insn, operation, format)));
  }
  memoryForm(opcode, compareMiddle, form((cpu, insn) => compareMemory(cpu, insn, format, 0)));
  memoryForm(opcode, comparePopMiddle, form((cpu, insn) => compareMemory(cpu, insn, format, 1)));
}
for (const operation of arithmeticOperations) {
  const modrm = 0xc0 + operation * 8;
  // with ST(i) as destination the encodings of "reversed" change places, but the operands do as well
  registerForms8(0xd8, modrm, (cpu, _, i) => arithmeticRegister(cpu, i, operation, 0, false));
  registerForms8(0xdc, modrm, (cpu, _, i) => arithmeticRegister(cpu, i, operation, i, false));
  registerForms8(0xde, modrm, (cpu, _, i) => arithmeticRegister(cpu, i, operation, i, true));
}

// ── comparisons; DC D0, DC D8 and DE D0 are undocumented twins of FCOM and FCOMP ───────────────────────────────────

registerForms8(0xd8, 0xd0, (cpu, _, i) => compareRegister(cpu, i, false, 0, false));
registerForms8(0xd8, 0xd8, (cpu, _, i) => compareRegister(cpu, i, false, 1, false));
registerForms8(0xdc, 0xd0, (cpu, _, i) => compareRegister(cpu, i, false, 0, false));
registerForms8(0xdc, 0xd8, (cpu, _, i) => compareRegister(cpu, i, false, 1, false));
registerForms8(0xde, 0xd0, (cpu, _, i) => compareRegister(cpu, i, false, 1, false));
registerForm(0xde, 0xd9, form((cpu) => compareRegister(cpu, 1, false, 2, false)));
registerForm(0xda, 0xe9, form((cpu) => compareRegister(cpu, 1, true, 2, false)));
registerForms8(0xdd, 0xe0, (cpu, _, i) => compareRegister(cpu, i, true, 0, false));
registerForms8(0xdd, 0xe8, (cpu, _, i) => compareRegister(cpu, i, true, 1, false));
registerForms8(0xdb, 0xe8, sinceP6((cpu, _, i) => compareRegister(cpu, i, true, 0, true)));
registerForms8(0xdb, 0xf0, sinceP6((cpu, _, i) => compareRegister(cpu, i, false, 0, true)));
registerForms8(0xdf, 0xe8, sinceP6((cpu, _, i) => compareRegister(cpu, i, true, 1, true)));
registerForms8(0xdf, 0xf0, sinceP6((cpu, _, i) => compareRegister(cpu, i, false, 1, true)));
registerForm(0xd9, 0xe4, form(compareZero));
registerForm(0xd9, 0xe5, form(examine));

// ── loads and stores ───────────────────────────────────────────────────────────────────────────────────────────────

for (const [opcode, middle, format] of [
  [0xd9, 0, Format.single], [0xdd, 0, Format.double], [0xdb, 5, Format.extended], [0xdf, 0, Format.int16],
  [0xdb, 0, Format.int32], [0xdf, 5, Format.int64], [0xdf, 4, Format.decimal],
] as const) {
  memoryForm(opcode, middle, form((cpu, insn) => load(cpu, insn, format)));
}
for (const [opcode, middle, format] of [[0xd9, 2, Format.single], [0xdd, 2, Format.double], [0xdf, 2, Format.int16], [0xdb, 2, Format.int32]] as const) {
  memoryForm(opcode, middle, form((cpu, insn) => store(cpu, insn, format, false)));
  memoryForm(opcode, middle + 1, form((cpu, insn) => store(cpu, insn, format, true)));
}
for (const [opcode, middle, format] of [[0xdb, 7, Format.extended], [0xdf, 7, Format.int64], [0xdf, 6, Format.decimal]] as const) {
  memoryForm(opcode, middle, form((cpu, insn) => store(cpu, insn, format, true)));
}
registerForms8(0xd9, 0xc0, (cpu, _, i) => loadRegister(cpu, i));
registerForms8(0xdd, 0xd0, (cpu, _, i) => storeRegister(cpu, i, false));
registerForms8(0xd9, 0xd8, (cpu, _, i) => storeRegisterQuietly(cpu, i));
// DD D8 is FSTP; DF D0 and DF D8 are its undocumented twins
for (const [opcode, modrm] of [[0xdd, 0xd8], [0xdf, 0xd0], [0xdf, 0xd8]] as const) {
  registerForms8(opcode, modrm, (cpu, _, i) => storeRegister(cpu, i, true));
}
for (const opcode of [0xd9, 0xdd, 0xdf]) registerForms8(opcode, 0xc8, (cpu, _, i) => exchange(cpu, i));
registerForms8(0xdd, 0xc0, (cpu, _, i) => free(cpu, i, false));
registerForms8(0xdf, 0xc0, (cpu, _, i) => free(cpu, i, true));
for (let condition = 0; condition < 4; condition++) {
  registerForms8(0xda, 0xc0 + condition * 8, sinceP6((cpu, _, i) => conditionalMove(cpu, i, condition, false)));
  registerForms8(0xdb, 0xc0 + condition * 8, sinceP6((cpu, _, i) => conditionalMove(cpu, i, condition, true)));
}
for (let constant = 0; constant < 7; constant++) registerForm(0xd9, 0xe8 + constant, form((cpu) => pushConstant(cpu, constant)));

// ── functions of the top of the stack: D9 D0, D9 E0 to D9 FF ───────────────────────────────────────────────────────

registerForm(0xd9, 0xd0, form(() => undefined));
registerForm(0xd9, 0xe0, form((cpu) => changeSign(cpu, false)));
registerForm(0xd9, 0xe1, form((cpu) => changeSign(cpu, true)));
const functions: readonly Run[] = [
  f2xm1, fyl2x, fptan, fpatan, fxtract, (cpu) => remainder(cpu, true), (cpu) => rotate(cpu, -1), (cpu) => rotate(cpu, 1),
  (cpu) => remainder(cpu, false), fyl2xp1, fsqrt, fsincos, frndint, fscale, fsin, fcos,
];
functions.forEach((run, i) => registerForm(0xd9, 0xf0 + i, form(run)));

// ── control ────────────────────────────────────────────────────────────────────────────────────────────────────────

memoryForm(0xd9, 4, waitingControl(restoreEnvironment));
memoryForm(0xd9, 5, waitingControl((cpu, insn) => {
  const value = cpu.read16(operandAddress(cpu, insn, 2, false));
  cpu.i32[CONTROL] = (value & Control.writable) | Control.alwaysSet;
  updateSummary(cpu.i32);
}));
memoryForm(0xd9, 6, control(storeEnvironment));
memoryForm(0xd9, 7, control((cpu, insn) => cpu.write16(operandAddress(cpu, insn, 2, true), cpu.i32[CONTROL]!)));
memoryForm(0xdd, 4, waitingControl(restoreState));
memoryForm(0xdd, 6, control(saveState));
memoryForm(0xdd, 7, control((cpu, insn) => cpu.write16(operandAddress(cpu, insn, 2, true), readStatus(cpu.i32))));
registerForm(0xdf, 0xe0, control((cpu) => {
  cpu.u16[AX] = readStatus(cpu.i32);
}));
registerForm(0xdb, 0xe2, control((cpu) => {
  cpu.i32[STATUS] = cpu.i32[STATUS]! & ~(Exception.all | Exception.stackFault | Status.summary | Status.busy);
}));
registerForm(0xdb, 0xe3, control(initialize));
// FENI, FDISI and FSETPM of the 8087 and 80287: accepted, without effect
for (const modrm of [0xe0, 0xe1, 0xe4]) registerForm(0xdb, modrm, control(() => undefined));

/** Raise #MF when an earlier instruction left an unmasked exception and CR0.NE asks for it. */
function reportPending(cpu: Processor): void {
  if (cpu.i32[STATUS]! & Status.summary && cpu.i32[CR0]! & Cr0.ne) raise(Vector.x87);
}

/**
 * Execute one instruction with opcode D8..DF. Raises #NM when CR0.EM or CR0.TS is set, #MF for a pending exception,
 * #UD for undefined encodings, and what the memory operand raises; the x87 state is unchanged then.
 */
export function executeX87(cpu: Processor, insn: Instruction): void {
  if (cpu.i32[CR0]! & (Cr0.em | Cr0.ts)) raise(Vector.noDevice);
  const { modrm } = insn;
  const low = insn.opcode & 7;
  const entry = insn.memory ? memoryForms[low * 8 + ((modrm >> 3) & 7)] : registerForms[low * 64 + (modrm & 0x3f)];
  if (entry === undefined) raise(Vector.invalidOpcode);
  if (entry.waits) reportPending(cpu);
  const offset = insn.memory && !entry.control ? cpu.effectiveAddress(insn) : -1;
  entry.run(cpu, insn, modrm & 7);
  if (!entry.control) notePointers(cpu, insn, offset);
}

/** FWAIT: report a pending exception. #NM when CR0.MP and CR0.TS are both set. */
export function fwait(cpu: Processor): void {
  const both = Cr0.mp | Cr0.ts;
  if ((cpu.i32[CR0]! & both) === both) raise(Vector.noDevice);
  reportPending(cpu);
}

export { fxrstor, fxsave } from './image.js';
export { initialize as resetX87 } from './stack.js';
