/*
 * What a machine may be built from, and what its owner's hooks may answer.
 *
 * A mistake here would show much later and elsewhere, as a guest that reads garbage. So everything is looked at before
 * any memory is taken, and what a hook returns when it is returned.
 */
import type { DeviceRange, PortBus } from './bus.js';
import { type CpuidModel, Feature } from './cpuid.js';
import { X86Error } from './error.js';
import { checkJitOptions } from './jit/options.js';
import { hex } from './possible.js';
import type { ProcessorOptions } from './processor.js';
import { Layout } from './state.js';

const pageSize = 0x1000;
/** A WebAssembly.Memory has at most 4 GiB, and the CPU keeps its own things below RAM. */
const mostBytes = 2 ** 32 - Layout.physical;
/** Physical addresses have 36 bits (PAE). */
const addressEnd = 2 ** 36;
const highestSelector = 0xffff;
const rplMask = 3;
const noSelector = -1;
const engines: readonly unknown[] = ['reference', 'interpreter', 'jit', 'auto', undefined];
const makers: readonly unknown[] = ['intel', 'amd', undefined];
const promisable = Object.values(Feature).reduce((all, bit) => all | bit, 0);

function wrong(sentence: string): never {
  throw new X86Error('bad-argument', sentence);
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function';
}

function checkDevices(devices: readonly DeviceRange[]): void {
  if (!Array.isArray(devices)) wrong('devices: an array of ranges is wanted');
  devices.forEach(({ base, length, read, write }, i) => {
    if (!Number.isInteger(base) || base < 0 || base >= addressEnd) wrong(`devices[${i}].base is ${hex(base)}: a physical address below 2^36 is wanted`);
    if (!Number.isInteger(length) || length <= 0 || base + length > addressEnd) wrong(`devices[${i}].length is ${hex(length)}: a positive number of bytes that ends below 2^36 is wanted`);
    if (!isFunction(read) || !isFunction(write)) wrong(`devices[${i}]: read and write must be functions`);
  });
  const sorted = [...devices].sort((a, b) => a.base - b.base);
  sorted.forEach((device, i) => {
    const next = sorted[i + 1];
    if (next && device.base + device.length > next.base)
      wrong(`devices: the ranges at ${hex(device.base)} (${hex(device.length)} bytes) and ${hex(next.base)} overlap; an address belongs to one device`);
  });
}

function isWord(value: unknown): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32;
}

function checkCpuid(model: CpuidModel): void {
  if (typeof model !== 'object' || model === null || !Array.isArray(model.basic) || !Array.isArray(model.extended))
    wrong(`cpuid is ${String(model)}: a model is wanted, one of cpuidModels or what cpuidModel() returns`);
  for (const kind of ['basic', 'extended'] as const) {
    model[kind].forEach((leaf, i) => {
      for (const register of ['eax', 'ebx', 'ecx', 'edx'] as const) {
        if (!isWord(leaf?.[register])) wrong(`cpuid.${kind}[${i}].${register} is ${String(leaf?.[register])}: a whole number of 32 bits is wanted`);
      }
    });
  }
  const first = model.basic[1];
  if (first === undefined) wrong('cpuid.basic has no leaf 1: it says which instructions there are');
  const missing = first.edx & ~promisable;
  if (missing !== 0)
    wrong(`cpuid.basic[1].edx is ${hex(first.edx >>> 0)}: its bits ${hex(missing >>> 0)} promise what this CPU has not; leave them out (Feature names those there are)`);
}

function checkPorts(ports: PortBus): void {
  if (typeof ports !== 'object' || ports === null || !isFunction(ports.read) || !isFunction(ports.write)) wrong('ports: an object with functions read and write is wanted');
}

/** Throws X86Error for options that no machine can be built from. */
export function checkOptions(options: ProcessorOptions & { readonly engine?: unknown; readonly jit?: unknown }): void {
  const { physicalBytes, exitSelector, ports, devices, cpuid, undefinedResults, timestampCounter, engine, jit } = options;
  if (!Number.isInteger(physicalBytes) || physicalBytes <= 0 || physicalBytes % pageSize !== 0 || physicalBytes > mostBytes)
    wrong(`physicalBytes is ${physicalBytes}: a positive multiple of ${pageSize}, up to ${mostBytes}, is wanted`);
  if (!engines.includes(engine)) wrong(`engine is ${String(engine)}: 'reference', 'interpreter', 'jit' or 'auto' is wanted`);
  if (jit !== undefined) checkJitOptions(jit);
  if (!makers.includes(undefinedResults)) wrong(`undefinedResults is 'intel' or 'amd', not ${String(undefinedResults)}`);
  if (exitSelector !== undefined && exitSelector !== noSelector && (!Number.isInteger(exitSelector) || exitSelector < 0 || exitSelector > highestSelector || (exitSelector & rplMask) !== 0))
    wrong(`exitSelector is ${hex(exitSelector)}: a selector of 16 bits is wanted, its privilege level (bits 0 and 1) left 0, or none`);
  if (timestampCounter !== undefined && !isFunction(timestampCounter)) wrong('timestampCounter: a function that returns a bigint is wanted');
  if (ports !== undefined) checkPorts(ports);
  if (devices !== undefined) checkDevices(devices);
  if (cpuid !== undefined) checkCpuid(cpuid);
}

/** What a hook has read: `size` bytes, signed or unsigned. Returns them unsigned; throws X86Error for anything else. */
export function answer(value: number, size: number, hook: string, at: number): number {
  const end = 2 ** (8 * size);
  if (!Number.isInteger(value) || value >= end || value < -end / 2)
    throw new X86Error('bad-argument', `${hook}: the hook has returned ${hex(value)} for ${size} ${size === 1 ? 'byte' : 'bytes'} at ${hex(at)}; it must return a whole number of that size`);
  return value < 0 ? value + end : value;
}

/** What the time-stamp counter's hook has read. */
export function answerTicks(value: bigint): bigint {
  if (typeof value !== 'bigint') throw new X86Error('bad-argument', `timestampCounter: the hook has returned ${String(value)}; it must return a bigint`);
  return value;
}
