/*
 * Does the machine underneath run 32-bit programs? Many kernels have them switched off, and Node then takes such a program for
 * a shell script. So the shortest there is has to prove it.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const proof = 42;
const address = 0x0804_8000;
// ELF32 (the System V ABI, chapters 4 and 5)
const headerBytes = 52;
const segmentBytes = 32;
const [executableFile, machine386, load, readAndExecute, pageBytes] = [2, 3, 1, 5, 0x1000];
/** MOV EBX, proof; MOV EAX, 1 (exit); INT 80h */
const code = [0xbb, proof, 0, 0, 0, 0xb8, 1, 0, 0, 0, 0xcd, 0x80];

/** A static program that ends with the status `proof`. */
function program(): Uint8Array {
  const start = headerBytes + segmentBytes;
  const file = new Uint8Array(start + code.length);
  const view = new DataView(file.buffer);
  file.set([0x7f, 0x45, 0x4c, 0x46, 1, 1, 1]);
  [[16, executableFile], [18, machine386], [40, headerBytes], [42, segmentBytes], [44, 1]].forEach(([at, value]) => view.setUint16(at!, value!, true));
  [[20, 1], [24, address + start], [28, headerBytes]].forEach(([at, value]) => view.setUint32(at!, value!, true));
  [load, 0, address, address, file.length, file.length, readAndExecute, pageBytes].forEach((field, i) => view.setUint32(headerBytes + 4 * i, field, true));
  file.set(code, start);
  return file;
}

/** Why there are no 32-bit x86 programs here, as a clause; undefined when there are. */
export function whyNo32BitPrograms(): string | undefined {
  if (process.platform !== 'linux') return `${process.platform} runs no Linux programs`;
  const directory = mkdtempSync(join(tmpdir(), 'x86-32-bits-'));
  try {
    const path = join(directory, 'proof');
    writeFileSync(path, program(), { mode: 0o755 });
    return spawnSync(path).status === proof ? undefined : 'this machine runs no 32-bit x86 programs: its kernel has them switched off (ia32_emulation), or it is no x86';
  } finally {
    rmSync(directory, { recursive: true });
  }
}
