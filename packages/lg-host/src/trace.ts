/*
 * Trace events: what happened between Guest and Host, one object each, for whoever listens.
 *
 * Nobody listening is the normal case, so every place that could tell a story first looks whether there is an ear; no
 * object is made otherwise. Addresses and register values are unsigned.
 */
import { hypercallNames } from './abi/hypercalls.js';

/** The CPU came back to the Host with a trap (hypercalls are told as 'hypercall' when they are carried out). */
export interface ExitEvent {
  readonly type: 'exit';
  readonly vector: number;
  readonly errorCode: number;
  readonly cs: number;
  readonly eip: number;
  readonly esp: number;
  readonly cr2: number;
  readonly eax: number;
  readonly edx: number;
  /** Instructions retired so far. */
  readonly retired: number;
}

/** A hypercall is about to be carried out. */
export interface HypercallEvent {
  readonly type: 'hypercall';
  readonly number: number;
  readonly arguments: readonly [number, number, number, number];
  /** Taken from the ring, not from the registers. */
  readonly async: boolean;
  readonly eip: number;
  readonly retired: number;
}

/** A trap is passed on to the Guest's handler. `eip` is where it happened. */
export interface ReflectEvent {
  readonly type: 'reflect';
  readonly vector: number;
  readonly errorCode: number;
  readonly eip: number;
}

/** A page fault was answered by filling the shadow page table. */
export interface FillEvent {
  readonly type: 'fill';
  readonly address: number;
  readonly errorCode: number;
}

/** A virtual interrupt is delivered. `eip` is where it interrupts. */
export interface InterruptEvent {
  readonly type: 'interrupt';
  readonly irq: number;
  readonly eip: number;
}

/** A device or the clock raised a virtual interrupt. */
export interface RaiseEvent {
  readonly type: 'raise';
  readonly irq: number;
}

/** An instruction of the Guest kernel was skipped: in, out, cli, a read of a debug register. */
export interface PortEvent {
  readonly type: 'port';
  readonly eip: number;
}

/** The Guest is dead. */
export interface KillEvent {
  readonly type: 'kill';
  readonly reason: string;
}

/** Anything Lguest.onTrace may be told. */
export type TraceEvent =
  | ExitEvent | HypercallEvent | ReflectEvent | FillEvent | InterruptEvent | RaiseEvent | PortEvent | KillEvent;

/** A function that is told every trace event. It must not call back into the Lguest. */
export type TraceListener = (event: TraceEvent) => void;

function hex(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}

/**
 * One line for an event. Exits, hypercalls and interrupts come out in the words of the recordings people have made of
 * lguest's own Host (`trap N err E eip CS:EIP …`, `hc N …`, `ahc N …` for those from the ring, `irq N eip …`), so that the two can be compared.
 */
export function formatTraceEvent(event: TraceEvent): string {
  switch (event.type) {
    case 'exit':
      return `trap ${event.vector} err ${event.errorCode.toString(16)} eip ${event.cs.toString(16).padStart(4, '0')}:` +
        `${hex(event.eip)} esp ${hex(event.esp)} cr2 ${hex(event.cr2)} eax ${hex(event.eax)} edx ${hex(event.edx)}`;
    case 'hypercall':
      return `${event.async ? 'ahc' : 'hc'} ${event.number} ${event.arguments.map(hex).join(' ')} eip ${hex(event.eip)}` +
        ` ${hypercallNames[event.number] ?? 'unknown'}`;
    case 'reflect':
      return `reflect ${event.vector} err ${event.errorCode.toString(16)} eip ${hex(event.eip)}`;
    case 'fill':
      return `fill ${hex(event.address)} err ${event.errorCode.toString(16)}`;
    case 'interrupt':
      return `irq ${event.irq} eip ${hex(event.eip)}`;
    case 'raise':
      return `raise ${event.irq}`;
    case 'port':
      return `port eip ${hex(event.eip)}`;
    case 'kill':
      return `kill ${event.reason}`;
  }
}
