/*
 * Where the x87's stack is in a region. Its top and tags are taken for what they were when the region was made, and from
 * there on every instruction's effect on them is a number known while the region is written: they are kept nowhere, and
 * stored on the way out. Two ways to a block that leave the stack in different places cannot both be part of a region.
 */
import { State } from '../state.js';
import type { OperationBuilder } from '../operations/operation.js';
import type { Value } from '../wasm/function-builder.js';
import type { Assumptions } from './assumptions.js';

/** TOP, 0 to 7, and the tag word. */
export interface StackPlace { readonly top: number; readonly tags: number }

export class FpuStack {
  readonly #f: OperationBuilder;
  /** Words that the region takes for granted so far. */
  readonly #assumed: Set<number>;
  readonly #conflict: () => void;
  /** Where the stack is when the region begins, and now; undefined when that is not known. */
  readonly #first: StackPlace | undefined;
  #now: StackPlace | undefined;
  #moves = false;
  #callsRegions = false;
  /** Where it is at the start of blocks. */
  readonly #atBlocks = new Map<number, StackPlace>();
  /** Stores a place, by that; for ways out. */
  readonly #stores = new Map<number, () => void>();

  /** @param conflict the stack goes where nobody knows */
  constructor(f: OperationBuilder, assumptions: Assumptions, assumed: Set<number>, conflict: () => void) {
    this.#f = f;
    this.#assumed = assumed;
    this.#conflict = conflict;
    const [top, tags] = [assumptions.get(State.fpuTop), assumptions.get(State.fpuTags)];
    if (top !== undefined && tags !== undefined) this.#first = { top, tags };
    this.#now = this.#first;
    if (this.#first) this.#atBlocks.set(0, this.#first);
  }

  /** Where the stack is, if that is known. */
  get place(): StackPlace | undefined { return this.#now; }

  /** Go on from where it was there. */
  resume(place: StackPlace | undefined): void { this.#now = place; }

  /** The top or the tags, by their address, if they are known. */
  word(address: number): Value | undefined {
    if (!this.#now || !isStackWord(address)) return undefined;
    this.#use();
    return this.#f.i32(address === State.fpuTop ? this.#now.top : this.#now.tags);
  }

  /** They change. @returns false when it is somebody else's business */
  setWord(address: number, { constant }: Value): boolean {
    if (!this.#now || !isStackWord(address)) return false;
    const { top, tags } = this.#now;
    this.#use();
    this.#moves = true;
    if (constant === undefined) this.#conflict();
    else this.#now = address === State.fpuTop ? { top: constant, tags } : { top, tags: constant };
    return true;
  }

  #use(): void {
    this.#assumed.add(State.fpuTop);
    this.#assumed.add(State.fpuTags);
  }

  /** A block is about to be reached. @returns false when the stack is not where it was when it was reached in another way */
  arriveAt(block: number): boolean {
    const here = this.#now;
    if (!here) return true;
    const there = this.#atBlocks.get(block);
    if (!there) this.#atBlocks.set(block, here);
    return !there || (there.top === here.top && there.tags === here.tags);
  }

  /** A block begins, which has been arrived at. */
  beginBlock(block: number): void { this.#now = this.#atBlocks.get(block); }

  /** On the way out of the region, or into another: store where the stack is. */
  leave(): void {
    const f = this.#f;
    const [place, first] = [this.#now, this.#first];
    if (!place || !first) return;
    const key = (place.tags << 8) | place.top;
    let store = this.#stores.get(key);
    if (!store) {
      const isFirst = place.top === first.top && place.tags === first.tags;
      store = f.reusable(() => f.ifNeeded(() => this.#moves && (this.#callsRegions || !isFirst), () => {
        f.storeInPage(State.fpuTop, f.i32(place.top));
        f.storeInPage(State.fpuTags, f.i32(place.tags));
      }));
      this.#stores.set(key, store);
    }
    store();
  }

  /** Another region is called. */
  call(): void {
    this.#callsRegions = true;
    this.leave();
  }

  /** It has come back. @param leave it has left the stack elsewhere: writes the way out */
  comeBack(leave: () => void): void {
    const f = this.#f;
    const place = this.#now;
    if (!place) return;
    const word = (address: number): Value => f.load('i32.load', f.i32(0), address);
    f.ifNeeded(() => this.#assumed.has(State.fpuTop), () => {
      const moved = f.do('i32.or', f.do('i32.xor', word(State.fpuTop), f.i32(place.top)), f.do('i32.xor', word(State.fpuTags), f.i32(place.tags)));
      f.when(moved, leave);
    });
  }
}

function isStackWord(address: number): boolean { return address === State.fpuTop || address === State.fpuTags; }
