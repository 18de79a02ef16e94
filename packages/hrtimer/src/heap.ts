/*
 * A binary heap whose elements know their place in it, so that any of them can be taken out in O(log n).
 */

/** An element: smaller keys first, equal keys in the order of `sequence`. */
export interface HeapNode {
  key: bigint;
  sequence: number;
  /** Place in the heap; -1 outside. Kept by the heap. */
  slot: number;
}

function before(a: HeapNode, b: HeapNode): boolean {
  return a.key < b.key || (a.key === b.key && a.sequence < b.sequence);
}

/** The heap. */
export class Heap<T extends HeapNode> {
  readonly #nodes: T[] = [];

  get size(): number { return this.#nodes.length; }

  /** The first element, in O(1). */
  get first(): T | undefined { return this.#nodes[0]; }

  insert(node: T): void {
    node.slot = this.#nodes.length;
    this.#nodes.push(node);
    this.#rise(node);
  }

  remove(node: T): void {
    const last = this.#nodes.pop()!;
    if (last !== node) {
      this.#place(last, node.slot);
      this.#rise(last);
      this.#sink(last);
    }
    node.slot = -1;
  }

  /** Let `edit` change keys, of any element; then put all in order again. O(n log n). */
  rekey(edit: (node: T) => void): void {
    for (const node of this.#nodes) edit(node);
    // what is sorted is a heap
    this.#nodes.sort((a, b) => (before(a, b) ? -1 : 1));
    this.#nodes.forEach((node, slot) => { node.slot = slot; });
  }

  #place(node: T, slot: number): void {
    this.#nodes[slot] = node;
    node.slot = slot;
  }

  #rise(node: T): void {
    while (node.slot > 0) {
      const parent = this.#nodes[(node.slot - 1) >> 1]!;
      if (!before(node, parent)) return;
      this.#swap(node, parent);
    }
  }

  #sink(node: T): void {
    for (;;) {
      const left = this.#nodes[2 * node.slot + 1];
      const right = this.#nodes[2 * node.slot + 2];
      if (!left) return;
      const child = right && before(right, left) ? right : left;
      if (!before(child, node)) return;
      this.#swap(node, child);
    }
  }

  #swap(a: T, b: T): void {
    const { slot } = a;
    this.#place(a, b.slot);
    this.#place(b, slot);
  }
}
