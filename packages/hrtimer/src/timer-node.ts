/*
 * A timer's place in its queue.
 */
import type { Heap, HeapNode } from './heap.js';

/** What the queue knows of a timer. */
export interface TimerEntry {
  fire(): void;
}

/** The part of a timer that lies in the heap. */
export class TimerNode implements HeapNode {
  readonly entry: TimerEntry;
  /** When it fires, on the queue's clock. */
  key = 0n;
  sequence = 0;
  slot = -1;
  /** It keeps its distance when the clock is stepped. */
  relative = false;
  /** Where it waits; undefined when it does not. */
  heap: Heap<TimerNode> | undefined;

  constructor(entry: TimerEntry) {
    this.entry = entry;
  }
}
