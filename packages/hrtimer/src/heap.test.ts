import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Heap, type HeapNode } from './heap.js';

const order = (a: HeapNode, b: HeapNode): number => (a.key < b.key || (a.key === b.key && a.sequence < b.sequence) ? -1 : 1);

/** What to do next: insert a key, remove the n-th of what is there, or give every key with this remainder another one. */
const commands = fc.array(fc.oneof(
  fc.record({ insert: fc.bigInt({ min: 0n, max: 20n }) }),
  fc.record({ remove: fc.nat() }),
  fc.record({ rekey: fc.bigInt({ min: -10n, max: 10n }) }),
), { maxLength: 200 });

it('has the smallest first, whatever is inserted, removed and changed', () => {
  fc.assert(fc.property(commands, (list) => {
    const heap = new Heap<HeapNode>();
    let model: HeapNode[] = [];
    let sequence = 0;
    for (const command of list) {
      if ('insert' in command) {
        const node = { key: command.insert, sequence: sequence++, slot: -1 };
        heap.insert(node);
        model.push(node);
      } else if ('remove' in command) {
        const node = model[command.remove % model.length];
        if (node === undefined) continue;
        heap.remove(node);
        expect(node.slot).toBe(-1);
        model = model.filter((other) => other !== node);
      } else {
        heap.rekey((node) => {
          if (node.sequence % 2 === 0) node.key += command.rekey;
        });
      }
      model.sort(order);
      expect(heap.size).toBe(model.length);
      expect(heap.first).toBe(model[0]);
    }
    for (const node of model) {
      expect(heap.first).toBe(node);
      heap.remove(node);
    }
    expect(heap.first).toBeUndefined();
  }));
});
