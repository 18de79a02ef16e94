/*
 * Control flow as WebAssembly wants it: blocks and loops that nest.
 *
 * Any graph whose loops have one entry each can be written so, by its dominator tree (N. Ramsey, "Beyond Relooper",
 * ICFP 2022): a node's code is followed by the nodes that it dominates; those that several ways lead to come behind the
 * end of a block around what leads to them. An edge into the middle of a loop leaves the region instead.
 */

/** Writes a node's parts. Jumps are made by calling goTo() from within code(). */
export interface Emitter {
  /** Leave a place for something. @returns writes it there */
  hole(): (body: () => void) => void;
  /** Write a loop; calling `again` inside writes a jump to its start. */
  loop(body: (again: () => void) => void): void;
  /** Write a block; calling `exit` inside writes a jump to behind it. */
  block(body: (exit: () => void) => void): void;
  /**
   * Write a node's own code. goTo(successor) writes the transfer to a successor, or returns false: the edge must leave.
   * `only`: the node is reached in one way only.
   */
  code(node: number, goTo: (successor: number) => boolean, only: boolean): void;
}

/** Write a graph, a node in each step. Node 0 is the entry; every node is reachable or is not written. */
export function* emitStructured(successors: readonly (readonly number[])[], emitter: Emitter): Generator<void, void> {
  const { order, predecessors, dominator, dominates, isBack } = analyse(successors);
  const loops = new Set(order.filter((node) => predecessors.get(node)!.some((from) => isBack(from, node) && dominates(node, from))));
  /** Several ways lead to these, apart from those back. */
  const merging = new Set(order.filter((node) => predecessors.get(node)!.filter((from) => !isBack(from, node)).length > 1));
  const children = new Map<number, number[]>(order.map((node) => [node, []]));
  for (const node of order.slice(1)) children.get(dominator.get(node)!)!.push(node);

  const starts = new Map<number, () => void>();
  const ends = new Map<number, () => void>();
  /** What is still to be written, and has its place already; the next comes last. */
  const tasks: (() => void)[] = [];
  const soon = (body: () => void): void => {
    const fill = emitter.hole();
    tasks.push(() => fill(body));
  };

  const tree = (node: number): void => {
    // these come behind blocks, the last one outermost
    const merges = children.get(node)!.filter((child) => merging.has(child)).reverse();
    if (!loops.has(node)) return within(node, merges);
    emitter.loop((again) => {
      starts.set(node, again);
      within(node, merges);
    });
  };
  const within = (node: number, merges: readonly number[]): void => {
    const [last, ...others] = merges;
    if (last === undefined) {
      const only = node !== order[0] && !merging.has(node) && !loops.has(node);
      return soon(() => emitter.code(node, (successor) => goTo(node, successor), only));
    }
    emitter.block((exit) => {
      ends.set(last, exit);
      within(node, others);
    });
    soon(() => tree(last));
  };
  const goTo = (from: number, to: number): boolean => {
    if (isBack(from, to)) {
      if (!dominates(to, from)) return false;
      starts.get(to)!();
    } else if (merging.has(to)) ends.get(to)!();
    else tree(to);
    return true;
  };
  soon(() => tree(order[0]!));
  for (let task = tasks.pop(); task; task = tasks.pop()) {
    const rest = tasks.length;
    task();
    tasks.push(...tasks.splice(rest).reverse());
    yield;
  }
}

/** Has each loop one beginning? */
export function isReducible(successors: readonly (readonly number[])[]): boolean {
  const { order, dominates, isBack } = analyse(successors);
  return order.every((node) => successors[node]!.every((next) => !isBack(node, next) || dominates(next, node)));
}

/** What can be said of a graph's nodes: an order, who leads to them, and who stands on all ways to them. */
function analyse(successors: readonly (readonly number[])[]) {
  const order = reversePostorder(successors);
  const position = new Map(order.map((node, i) => [node, i]));
  const predecessors = new Map<number, number[]>(order.map((node) => [node, []]));
  for (const node of order) for (const successor of successors[node]!) predecessors.get(successor)!.push(node);
  const dominator = dominators(order, position, predecessors);
  const dominates = (a: number, b: number): boolean => {
    let node = b;
    while (node !== a && node !== order[0]) node = dominator.get(node)!;
    return node === a;
  };
  const isBack = (from: number, to: number): boolean => position.get(to)! <= position.get(from)!;
  return { order, predecessors, dominator, dominates, isBack };
}

/** Nodes in an order in which each comes before those it leads to, but for the back edges of loops. */
export function reversePostorder(successors: readonly (readonly number[])[]): number[] {
  const seen = new Set<number>();
  const order: number[] = [];
  const walk = (node: number): void => {
    seen.add(node);
    for (const successor of successors[node]!) if (!seen.has(successor)) walk(successor);
    order.push(node);
  };
  walk(0);
  return order.reverse();
}

/** Immediate dominators (Cooper, Harvey, Kennedy, "A Simple, Fast Dominance Algorithm"). */
function dominators(order: readonly number[], position: ReadonlyMap<number, number>, predecessors: ReadonlyMap<number, number[]>): Map<number, number> {
  const found = new Map<number, number>([[order[0]!, order[0]!]]);
  const common = (a: number, b: number): number => {
    let [x, y] = [a, b];
    while (x !== y) {
      while (position.get(x)! > position.get(y)!) x = found.get(x)!;
      while (position.get(y)! > position.get(x)!) y = found.get(y)!;
    }
    return x;
  };
  for (let changed = true; changed;) {
    changed = false;
    for (const node of order.slice(1)) {
      const next = predecessors.get(node)!.filter((from) => found.has(from)).reduce(common);
      if (found.get(node) !== next) {
        found.set(node, next);
        changed = true;
      }
    }
  }
  return found;
}
