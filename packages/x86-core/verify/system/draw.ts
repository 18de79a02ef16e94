/*
 * What system cases draw from: states, selectors, descriptors. Most of it makes sense, or nothing would get anywhere.
 */
import { Random } from '../../src/testing/random.js';
import { type StateName, SystemCase } from './system-case.js';
import { At, type Entry, gate, gdtEntries, ldtEntries, Sel, segment, Type } from './world.js';

/** Bytes of a number, lowest first. */
export const bytesOf = (value: number, count: number): number[] => Array.from({ length: count }, (_, i) => (value >>> (8 * i)) & 0xff);

const rpl = 3;
const local = 4;
const goodSegments = [Type.readOnly, Type.data, Type.data, Type.expandDown, Type.executeOnly, Type.code, Type.code, Type.conforming] as const;
/** Without the interrupt gates a GDT has nothing to do with. */
const systemTypes = [Type.tss16, Type.ldt, Type.busyTss16, Type.callGate16, Type.taskGate, Type.tss32, Type.busyTss32, Type.callGate, Type.interrupt] as const;
const stackEdges = [0x10, 0xff, 0xffff, At.stack0 - 1, At.landing, At.landing + 1];

/** Random decisions about a case. */
export class Draw extends Random {
  chance(percent: number): boolean {
    return this.below(100) < percent;
  }

  /** A protected-mode state; the outermost and the innermost more often. */
  level(): StateName {
    return this.pick(['ring0', 'ring0', 'ring1', 'ring2', 'ring3', 'ring3']);
  }

  anyState(): StateName {
    return this.pick(['ring0', 'ring1', 'ring3', 'v86', 'real']);
  }

  /** 2 or 4, and the prefix that makes it so in a case's code. */
  operandSize(c: SystemCase): { size: 2 | 4; prefix: number[] } {
    const wide = c.state.startsWith('ring');
    const other = this.oneIn(4);
    return { size: wide !== other ? 4 : 2, prefix: other ? [0x66] : [] };
  }

  limit(): number {
    return this.pick([0xffff_ffff, 0xffff_ffff, 0xffff_ffff, 0xffff, 0xf_ffff, this.pick(stackEdges), 0]);
  }

  /** Any descriptor, or one of a kind. `types` are drawn from nine times out of ten. */
  descriptor(types: readonly number[] = goodSegments): Entry {
    const type = this.oneIn(10) ? this.below(32) : this.pick(types);
    const dpl = this.below(4);
    const present = !this.oneIn(8);
    switch (type) {
      case Type.callGate: case Type.callGate16: case Type.interrupt: case Type.interrupt16: case Type.trap: case Type.trap16:
        return gate(this.codeSelector(), At.landing, type, dpl, present, this.pick([0, 0, 1, 3, 31]));
      case Type.taskGate: return gate(this.pick([Sel.tssB, Sel.tss16, Sel.tssB, Sel.tss, Sel.ldt, 0]), 0, type, dpl, present);
      case Type.tss32: case Type.busyTss32: return segment({ type, dpl, present, base: At.tssB, limit: this.pick([0x67, 0x67, 0x66, 0xff]), big: false });
      case Type.tss16: case Type.busyTss16: return segment({ type, dpl, present, base: At.tss16, limit: this.pick([0x2b, 0x2b, 0x2a, 0xff]), big: false });
      case Type.ldt: return segment({ type, dpl, present, base: At.ldt, limit: 0x7f, big: false });
      default: return segment({ type: this.oneIn(6) ? type & ~1 : type, dpl, present, limit: this.limit(), big: !this.oneIn(6) });
    }
  }

  systemDescriptor(): Entry {
    return this.descriptor(systemTypes);
  }

  /** One of the world's code segments, or where cases put theirs. */
  codeSelector(): number {
    return this.pick([Sel.code0, Sel.code1, Sel.code2, Sel.code3, Sel.free + 16, Sel.free + 24]) | this.pick([0, 0, this.below(4)]);
  }

  /** A selector that is null, out of range, of the LDT, or anything there is. */
  oddSelector(): number {
    switch (this.below(6)) {
      case 0: return this.below(4);
      case 1: return this.pick([8 * gdtEntries, 8 * gdtEntries - 8, 0xfff8, 8 * ldtEntries | local]) | this.below(4);
      case 2: return this.below(ldtEntries) << 3 | local | this.below(4);
      default: return this.below(17) << 3 | this.below(4);
    }
  }

  /** Put a random descriptor into the first free entry, and say its selector; or an odd one. The RPL fits half of the time. */
  selector(c: SystemCase, types?: readonly number[]): number {
    if (this.oneIn(6)) return this.oddSelector();
    const asked = this.oneIn(2) ? levelOf(c) : this.below(rpl + 1);
    if (this.oneIn(5)) {
      c.entry(At.ldt, 8, this.descriptor(types));
      return 8 << 3 | local | asked;
    }
    c.entry(At.gdt, Sel.free >>> 3, this.descriptor(types));
    return Sel.free | asked;
  }

  /** Descriptors that gates and pointers of other descriptors may lead to. */
  targets(c: SystemCase): void {
    c.entry(At.gdt, (Sel.free >>> 3) + 2, this.descriptor([Type.code, Type.conforming, Type.conforming, Type.executeOnly, Type.data]));
    c.entry(At.gdt, (Sel.free >>> 3) + 3, segment({ type: Type.code, dpl: this.below(4), limit: this.pick([At.landing - 1, At.landing, 0xffff]), big: this.oneIn(2) }));
  }

  /** Once in a while a stack of the task is not what it should be. */
  oddStacks(c: SystemCase): void {
    if (!this.oneIn(4)) return;
    const at = At.tss + 4 + 8 * this.below(3);
    if (this.oneIn(2)) c.poke32(at + 4, this.oneIn(2) ? this.oddSelector() : this.selector(c, [Type.data, Type.readOnly, Type.expandDown]));
    else c.poke32(at, this.pick([At.stack1 + 1, At.stack1 + 2, 0x1_0000 | At.stack2]));
  }

  eflags(mask = 0xcd5): number {
    return 2 | (this.word() & mask);
  }
}

/** The privilege level that a case begins with. */
export function levelOf(c: SystemCase): number {
  return c.state === 'real' ? 0 : c.state === 'v86' ? 3 : Number(c.state[4]);
}

/** A kind of system case. */
export interface SystemGroup {
  readonly name: string;
  readonly make: (draw: Draw) => SystemCase;
}

/** A group whose cases begin in a state, with flags at random, and are then completed. */
export function group(name: string, state: (draw: Draw) => StateName, complete: (c: SystemCase, draw: Draw) => void): SystemGroup {
  return {
    name,
    make: (draw) => {
      const c = new SystemCase(state(draw));
      c.registers.eflags |= draw.eflags(0x8d5);
      complete(c, draw);
      return c;
    },
  };
}
