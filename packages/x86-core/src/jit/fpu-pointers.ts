/*
 * The x87's last-instruction pointers in a region. Which instruction was the last, and through which segment the last
 * operand in memory was reached, are numbers known where the region is written: they are taken apart on the way out.
 */
import { SegmentField, State } from '../state.js';
import type { FunctionBuilder, Value, Variable } from '../wasm/function-builder.js';

const segmentRegisters = 6;
const selectorMask = 0xffff;
/** An instruction as a number: its offset from the region's page, above the eleven bits of its opcode. */
const opcodeBits = 11;
/** No instruction has left pointers; no segment. Offsets are not that low. */
const none = -(2 ** 31);

export class FpuPointers {
  readonly #f: FunctionBuilder;
  readonly #pageBase: Value;
  readonly #code: number;
  readonly #last: Variable;
  readonly #segment: Variable;
  readonly #data: Variable;
  readonly #selectors: readonly Variable[];
  #noted = false;
  /** Segments of operands. */
  readonly #segments = new Set<number>();

  /** @param code the code segment's number */
  constructor(f: FunctionBuilder, pageBase: Value, code: number) {
    this.#f = f;
    this.#pageBase = pageBase;
    this.#code = code;
    const variable = (): Variable => f.lasting('i32');
    [this.#last, this.#segment, this.#data] = [variable(), variable(), variable()];
    this.#selectors = Array.from({ length: segmentRegisters }, variable);
  }

  /** An instruction leaves its pointers. @param opcode eleven bits, as the x87 remembers them */
  note(offset: number, opcode: number): void {
    this.#noted = true;
    this.#last.set(this.#f.i32((offset << opcodeBits) | opcode));
  }

  /** … and those of its operand in memory. */
  noteOperand(segment: number, offset: Value): void {
    this.#segments.add(segment);
    this.#segment.set(this.#f.i32(segment));
    this.#data.set(offset);
  }

  enter(): void {
    const f = this.#f;
    f.ifNeeded(() => this.#noted, () => this.#last.set(f.i32(none)));
    f.ifNeeded(() => this.#segments.size > 0, () => this.#segment.set(f.i32(none)));
    this.#selectors.forEach((variable, i) => f.ifNeeded(() => this.#segments.has(i), () => {
      variable.set(f.load('i32.load16_u', f.i32(0), State.segments + i * SegmentField.size));
    }));
  }

  /** To the state page, if there are any. */
  leave(): void {
    const f = this.#f;
    const store = (address: number, value: Value): void => f.store('i32.store', f.i32(0), value, address);
    f.ifNeeded(() => this.#noted, () => f.when(f.do('i32.ne', this.#last.get(), f.i32(none)), () => {
      const last = this.#last.get();
      store(State.fpuEip, f.do('i32.add', this.#pageBase, f.do('i32.shr_s', last, f.i32(opcodeBits))));
      store(State.fpuOpcode, f.do('i32.and', last, f.i32((1 << opcodeBits) - 1)));
      // far jumps leave a region: it is the selector that it was entered with
      store(State.fpuCs, f.load('i32.load16_u', f.i32(0), State.segments + this.#code * SegmentField.size));
    }));
    f.ifNeeded(() => this.#segments.size > 0, () => f.when(f.do('i32.ne', this.#segment.get(), f.i32(none)), () => {
      store(State.fpuData, this.#data.get());
      this.#selectors.forEach((variable, i) => f.ifNeeded(() => this.#segments.has(i), () => {
        f.when(f.do('i32.eq', this.#segment.get(), f.i32(i)), () => store(State.fpuDs, variable.get()));
      }));
    }));
  }

  /** A segment register is loaded: operands reached through what it was keep their selector. */
  segmentLoaded(segment: number, selector: Value): void {
    const f = this.#f;
    f.ifNeeded(() => this.#segments.has(segment), () => {
      this.leave();
      this.#segment.set(f.i32(none));
      this.#selectors[segment]!.set(f.do('i32.and', selector, f.i32(selectorMask)));
    });
  }
}
