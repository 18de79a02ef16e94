/*
 * The function that stands for no region, and whether the host has tail calls. Both are asked once.
 */
import { encodeModule } from '../wasm/encoder.js';
import { OperationBuilder, tableSize } from '../operations/operation.js';

function moduleOf(write: (f: OperationBuilder) => void): Uint8Array<ArrayBuffer> {
  const f = new OperationBuilder();
  write(f);
  const table = { size: tableSize, offset: 0, elements: [] };
  return encodeModule({ memoryPages: 1, imports: [], functions: [f.finish('it')], ...(f.callsTable && { table }) });
}

let known: boolean | undefined;

/** Can a function end by becoming another? Regions that go on in each other would else come back first. */
export function hasTailCalls(): boolean {
  known ??= WebAssembly.validate(moduleOf((f) => f.tailCallIndirect(f.i32(0), f.parameter(0), f.parameter(1), f.parameter(2))));
  return known;
}

/** A function of a region's type that returns the EIP it is given. */
export function nowhere(): () => number {
  const module = new WebAssembly.Module(moduleOf((f) => f.leave(f.parameter(0))));
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 });
  return new WebAssembly.Instance(module, { env: { memory } }).exports['it'] as () => number;
}
