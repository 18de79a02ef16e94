/*
 * What an engine is, and the careful way of executing one instruction that all engines share.
 */
import { beginStep, endStep } from './debug.js';
import { CpuFault, Vector } from './fault.js';
import { deliverException } from './interrupt.js';
import type { Processor } from './processor.js';
import { ReferenceEngine } from './reference.js';
import { State } from './state.js';

const SHADOW = State.shadow >> 2;
const EIP = State.eip >> 2;

/** Executes instructions until something ends the run. */
export interface Engine {
  /**
   * Run until State.budget is 0 or Processor.pendingExit is set. The budget falls by one for each instruction retired
   * and for each fault delivered into the guest; it is never overdrawn.
   */
  run(): void;
}

/** One instruction at a time, with exceptions, interrupt shadow, breakpoints and single steps. */
export class Stepper {
  readonly reference: ReferenceEngine;
  readonly #cpu: Processor;
  /** retired + budget at the start of the run: what is left of the budget tells how many are retired. */
  #end = 0;
  /** Part of the budget that State.budget does not show: later slices of the run. */
  held = 0;

  constructor(cpu: Processor) {
    this.#cpu = cpu;
    this.reference = new ReferenceEngine(cpu);
  }

  /** Call before a run, with the budget set. */
  begin(): void {
    const { f64, i32 } = this.#cpu;
    this.#end = f64[State.retired >> 3]! + i32[State.budget >> 2]!;
  }

  /** Bring State.retired up to date when `unspent` of the budget is left. */
  account(unspent: number): void {
    this.#cpu.f64[State.retired >> 3] = this.#end - unspent - this.held;
  }

  /** Execute one instruction and take it from the budget. */
  step(): void {
    const cpu = this.#cpu;
    const { i32 } = cpu;
    this.account(i32[State.budget >> 2]!);
    i32[SHADOW] = 0;
    try {
      beginStep(cpu);
      this.reference.step();
    } catch (fault) {
      this.fault(fault);
      return;
    }
    i32[State.budget >> 2]!--;
    this.trap();
  }

  /**
   * After an instruction, or a switch to another task: a #DB trap if one is due. It is part of its instruction and costs
   * nothing, so that the last instruction of a budget can have one.
   */
  trap(): void {
    const cpu = this.#cpu;
    if (!cpu.hasLeft && endStep(cpu)) deliverException(cpu, Vector.debug, 0);
  }

  /** An instruction threw: deliver what it threw. Anything but a CpuFault is a bug of ours and goes on up. */
  fault(thrown: unknown): void {
    if (!(thrown instanceof CpuFault)) throw thrown;
    // what it had touched before does not count
    this.#cpu.debugStatus = 0;
    this.deliver(thrown.vector, thrown.errorCode);
  }

  /** Deliver an exception to State.eip. */
  deliver(vector: number, errorCode: number): void {
    const cpu = this.#cpu;
    deliverException(cpu, vector, errorCode);
    if (!cpu.hasLeft) cpu.i32[State.budget >> 2]!--;
    // the handler may be a task that wants to be trapped
    if (cpu.debugStatus !== 0) this.trap();
  }

  /** EIP, for messages. */
  get eip(): number {
    return this.#cpu.i32[EIP]! >>> 0;
  }
}

/** The reference engine as an Engine: every instruction by the evaluator. */
export class SteppingEngine implements Engine {
  readonly #cpu: Processor;
  readonly #stepper: Stepper;

  constructor(cpu: Processor) {
    this.#cpu = cpu;
    this.#stepper = new Stepper(cpu);
  }

  run(): void {
    const cpu = this.#cpu;
    const { i32 } = cpu;
    this.#stepper.begin();
    while (i32[State.budget >> 2]! > 0 && cpu.pendingExit < 0) this.#stepper.step();
    this.#stepper.account(i32[State.budget >> 2]!);
  }
}
