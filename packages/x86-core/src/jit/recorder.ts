/*
 * A processor that can be put back.
 *
 * While it records, whatever the reference engine does to memory is noted, byte by byte, with what was there before; and
 * whatever could not be undone (a page that is not at hand, a device, an instruction of the system) is refused before
 * it happens. That is just what regions leave for, too.
 */
import { Processor } from '../processor.js';
import { Layout, State } from '../state.js';
import { absent, hostOf, isPlain } from '../translation.js';

const TLB_READ = State.tlbRead >> 2;
const TLB_WRITE = State.tlbWrite >> 2;
/** Bytes noted at most. */
const capacity = 1 << 14;

/** Thrown where recording has to end before the current instruction. */
export class CannotRecord extends Error {}
const cannot = new CannotRecord('not to be recorded');

/** Bytes that were written, in order: where (in the WebAssembly memory), what was there, and what is. */
export class WriteLog {
  readonly addresses = new Uint32Array(capacity);
  readonly before = new Uint8Array(capacity);
  readonly after = new Uint8Array(capacity);
  length = 0;

  note(address: number, before: number, after: number): void {
    if (this.length === capacity) throw cannot;
    this.addresses[this.length] = address;
    this.before[this.length] = before;
    this.after[this.length++] = after;
  }
}

/** A Processor whose accesses through segments and paging can be recorded. */
export class RecordingProcessor extends Processor {
  /** Where writes are noted; undefined while nothing is recorded. */
  #log: WriteLog | undefined;
  #onModeChange = this.onModeChange;
  /** Where a write to a page with decoded code has its bytes, as an entry; see interpreter/host-of-write.ts. */
  hostOfWrite: (linear: number, size: number, unused: number) => number = () => absent;

  /** Begin to record, or end that. A change of mode makes decoded code void, so it is refused, too. */
  record(log: WriteLog | undefined): void {
    if (log !== undefined) {
      this.#onModeChange = this.onModeChange;
      this.onModeChange = () => { throw cannot; };
    } else this.onModeChange = this.#onModeChange;
    this.#log = log;
  }

  /** Refuse a range that is not plain memory for this kind of access, as the table at an address says. */
  #mustBePlain(table: number, linear: number, size: number): void {
    const base = table >>> 2;
    const last = (linear + size - 1) >>> 0;
    if (!isPlain(this.i32[base + (linear >>> 12)]! & this.i32[base + (last >>> 12)]!)) throw cannot;
  }

  /** The same for a write, which regions do beside decoded code, too, once they know that there are such. @returns the first page's entry */
  #entryOfWrite(table: number, linear: number, size: number): number {
    const entry = this.i32[(table >>> 2) + (linear >>> 12)]!;
    const isUsual = table === this.i32[TLB_WRITE] && this.i32[State.besideCode >> 2] !== 0;
    if (isUsual && !isPlain(entry)) {
      const plain = this.hostOfWrite(linear, size, 0);
      if (plain === absent) throw cannot;
      return plain;
    }
    this.#mustBePlain(table, linear, size);
    return entry;
  }

  #note(log: WriteLog, table: number, linear: number, size: number, value: number): void {
    const entry = this.#entryOfWrite(table, linear, size);
    const base = table >>> 2;
    for (let i = 0; i < size; i++) {
      const at = (linear + i) >>> 0;
      const host = hostOf(at >>> 12 === linear >>> 12 ? entry : this.i32[base + (at >>> 12)]!, at);
      log.note(host, this.u8[host]!, value >>> (8 * i));
    }
  }

  override read8(linear: number): number {
    if (this.#log !== undefined) this.#mustBePlain(this.i32[TLB_READ]!, linear, 1);
    return super.read8(linear);
  }

  override read16(linear: number): number {
    if (this.#log !== undefined) this.#mustBePlain(this.i32[TLB_READ]!, linear, 2);
    return super.read16(linear);
  }

  override read32(linear: number): number {
    if (this.#log !== undefined) this.#mustBePlain(this.i32[TLB_READ]!, linear, 4);
    return super.read32(linear);
  }

  override write8(linear: number, value: number): void {
    if (this.#log !== undefined) this.#note(this.#log, this.i32[TLB_WRITE]!, linear, 1, value);
    super.write8(linear, value);
  }

  override write16(linear: number, value: number): void {
    if (this.#log !== undefined) this.#note(this.#log, this.i32[TLB_WRITE]!, linear, 2, value);
    super.write16(linear, value);
  }

  override write32(linear: number, value: number): void {
    if (this.#log !== undefined) this.#note(this.#log, this.i32[TLB_WRITE]!, linear, 4, value);
    super.write32(linear, value);
  }

  override readSystem8(linear: number): number {
    if (this.#log !== undefined) this.#mustBePlain(Layout.tlbReadSupervisor, linear, 1);
    return super.readSystem8(linear);
  }

  override readSystem16(linear: number): number {
    if (this.#log !== undefined) this.#mustBePlain(Layout.tlbReadSupervisor, linear, 2);
    return super.readSystem16(linear);
  }

  override readSystem32(linear: number): number {
    if (this.#log !== undefined) this.#mustBePlain(Layout.tlbReadSupervisor, linear, 4);
    return super.readSystem32(linear);
  }

  override writeSystem8(linear: number, value: number): void {
    if (this.#log !== undefined) this.#note(this.#log, Layout.tlbWriteSupervisor, linear, 1, value);
    super.writeSystem8(linear, value);
  }

  override writeSystem16(linear: number, value: number): void {
    if (this.#log !== undefined) this.#note(this.#log, Layout.tlbWriteSupervisor, linear, 2, value);
    super.writeSystem16(linear, value);
  }

  override writeSystem32(linear: number, value: number): void {
    if (this.#log !== undefined) this.#note(this.#log, Layout.tlbWriteSupervisor, linear, 4, value);
    super.writeSystem32(linear, value);
  }

  override probeRead(linear: number, size: number): void {
    if (this.#log !== undefined) this.#mustBePlain(this.i32[TLB_READ]!, linear, size);
    super.probeRead(linear, size);
  }

  override probeWrite(linear: number, size: number): void {
    if (this.#log !== undefined) this.#entryOfWrite(this.i32[TLB_WRITE]!, linear, size);
    super.probeWrite(linear, size);
  }
}
