/*
 * A region of the JIT as text: the Guest's instructions, and the WebAssembly they became, with each instruction once more
 * in front of its own. Both disassemblers are libraries, big ones, and fetched when they are wanted.
 */
import type { RegionCode } from '@lguest/x86-core';

const hex = (value: number, digits = 8): string => value.toString(16).padStart(digits, '0');
/** Columns for an instruction's bytes. */
const BYTES_WIDTH = 24;

/** The text of one region. */
export type RegionFormatter = (region: RegionCode) => string;

/** Names for addresses, if there are any. */
type NameAt = (address: number) => string | undefined;

/** Get the disassemblers ready. */
export async function regionFormatter(nameAt: NameAt = () => undefined): Promise<RegionFormatter> {
  const [{ Decoder, DecoderOptions, Formatter, FormatterSyntax }, { default: makeWabt }] = await Promise.all([import('iced-x86'), import('wabt')]);
  const wabt = await makeWabt();

  /** The blocks' instructions; and each one alone, by its address. */
  const guestText = ({ blocks }: RegionCode): { text: string; at: ReadonlyMap<number, string> } => {
    const formatter = new Formatter(FormatterSyntax.Gas);
    const lines: string[] = [];
    const instructions = new Map<number, string>();
    for (const { linear, bytes } of blocks) {
      const name = nameAt(linear);
      lines.push('', `${hex(linear)}:${name === undefined ? '' : ` in ${name}`}`);
      const decoder = new Decoder(32, bytes, DecoderOptions.None);
      decoder.ip = BigInt(linear);
      for (const instruction of decoder.decodeAll()) {
        const at = Number(instruction.ip & 0xffff_ffffn);
        const code = [...bytes.subarray(at - linear, at - linear + instruction.length)].map((byte) => hex(byte, 2)).join(' ');
        const text = formatter.format(instruction);
        lines.push(`  ${hex(at)}  ${code.padEnd(BYTES_WIDTH)}${text}`);
        instructions.set(at, `${hex(at)}  ${text}`);
        instruction.free();
      }
      decoder.free();
    }
    formatter.free();
    return { text: lines.join('\n'), at: instructions };
  };

  const wasmText = ({ module: bytes }: RegionCode): string => {
    const module = wabt.readWasm(bytes, { readDebugNames: false, ...features });
    module.generateNames();
    module.applyNames();
    const text = module.toText({ foldExprs: true, inlineExport: false });
    module.destroy();
    return text;
  };

  return (region) => {
    const instructions = region.blocks.length === 1 ? '1 block' : `${region.blocks.length} blocks`;
    const level = region.user ? 'level 3' : 'levels 0 to 2';
    const { text, at } = guestText(region);
    return `Region at ${hex(region.linear)} for ${level}: ${instructions}, ${region.module.length} bytes of WebAssembly\n${text}\n\n${withInstructions(wasmText(region), at)}`;
  };
}

/** A mark, as the disassembler writes it: an address that is dropped. */
const MARK = /^( *)\(drop\n *\(i32\.const (-?\d+)\)\)(\)*)$/gm;

/** Instructions in the place of their marks, as comments. */
function withInstructions(wasm: string, at: ReadonlyMap<number, string>): string {
  return wasm.replace(MARK, (mark: string, indent: string, address: string, closing: string) => {
    const instruction = at.get(Number(address) >>> 0);
    return instruction === undefined ? mark : `\n${indent};; ${instruction}${closing && `\n${indent}${closing}`}`;
  });
}

/** What regions use beyond the first version of WebAssembly. */
const features = { simd: true, tail_call: true, sign_extension: true, bulk_memory: true, multi_value: true } as const;
