// compile cost: same program several times in fresh machines, cold and warm
import { createFlatMachine } from './ours.js';
import { imageOf, LOAD_ADDRESS, programs } from './programs.js';
for (let i = 0; i < 6; i++) for (const name of (process.argv[2] ?? 'qsort,pages,sha256,objects').split(',')) {
  const machine = createFlatMachine({ engine: 'jit', ports: { read: () => 0, write: () => undefined } });
  machine.physical.write(LOAD_ADDRESS, await imageOf(programs.find((p) => p.name === name)!));
  for (let k = 0; k < 200; k++) machine.cpu.run(100_000);
  const r = machine.cpu.statistics.regions as any;
  console.log(i, name, r.compiled, 'regions', (r.milliseconds / r.compiled).toFixed(2), 'ms each', (r.bytes / r.compiled).toFixed(0), 'bytes each');
}
