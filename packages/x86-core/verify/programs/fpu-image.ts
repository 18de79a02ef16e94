/*
 * The x87 and SSE registers as the FXSAVE image that Linux puts on the stack for a signal handler, and back (SDM
 * volume 1, 10.5.1).
 */
import type { Cpu } from '../../src/index.js';
import { State } from '../../src/state.js';

export const fxsaveBytes = 512;
const Fx = { control: 0, status: 2, tags: 4, opcode: 6, eip: 8, cs: 12, data: 16, ds: 20, mxcsr: 24, st: 32, xmm: 160 } as const;
const registerBytes = 10;
const xmmBytes = 128;
const startControl = 0x37f;
const startMxcsr = 0x1f80;

const halves = [[Fx.control, State.fpuControl], [Fx.status, State.fpuStatus], [Fx.tags, State.fpuTags], [Fx.opcode, State.fpuOpcode],
  [Fx.cs, State.fpuCs], [Fx.ds, State.fpuDs]] as const;
const words = [[Fx.eip, State.fpuEip], [Fx.data, State.fpuData], [Fx.mxcsr, State.mxcsr]] as const;

/** Where ST(i) lies in the state. */
const stackAt = (i32: Int32Array, i: number): number => State.fpu + 16 * (((i32[State.fpuStatus >> 2]! >>> 11) + i) & 7);

export function saveFpu(cpu: Cpu): Uint8Array {
  const { i32, u8 } = cpu.processor;
  const image = new Uint8Array(fxsaveBytes);
  const view = new DataView(image.buffer);
  for (const [at, state] of halves) view.setUint16(at, i32[state >> 2]!, true);
  for (const [at, state] of words) view.setUint32(at, i32[state >> 2]!, true);
  for (let i = 0; i < 8; i++) image.set(u8.subarray(stackAt(i32, i), stackAt(i32, i) + registerBytes), Fx.st + 16 * i);
  image.set(u8.subarray(State.xmm, State.xmm + xmmBytes), Fx.xmm);
  return image;
}

export function loadFpu(cpu: Cpu, image: Uint8Array): void {
  const { i32, u8 } = cpu.processor;
  const view = new DataView(image.buffer, image.byteOffset, image.byteLength);
  for (const [at, state] of halves) i32[state >> 2] = view.getUint16(at, true);
  for (const [at, state] of words) i32[state >> 2] = view.getUint32(at, true);
  for (let i = 0; i < 8; i++) u8.set(image.subarray(Fx.st + 16 * i, Fx.st + 16 * i + registerBytes), stackAt(i32, i));
  u8.set(image.subarray(Fx.xmm, Fx.xmm + xmmBytes), State.xmm);
}

/** As a program, and a signal handler, finds them. */
export function startFpu(cpu: Cpu): void {
  const image = new Uint8Array(fxsaveBytes);
  const view = new DataView(image.buffer);
  view.setUint16(Fx.control, startControl, true);
  view.setUint32(Fx.mxcsr, startMxcsr, true);
  loadFpu(cpu, image);
}
