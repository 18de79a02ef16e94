/*
 * A bench program on the machine itself, where that is an x86 with Linux: a small loader (programs/native.c) puts the
 * same image at the same address and calls its round, one process per turn.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { whyNo32BitPrograms } from '../verify/programs-of-32-bits.js';
import { inflate } from './programs.js';
import { nativeLoader } from './programs/images.js';
import { patience, type Side } from './runner.js';

const execute = promisify(execFile);

/** The side, or why there is none here. */
export function native(): Side | string {
  const why = whyNo32BitPrograms();
  if (why !== undefined) return why;
  return async (image) => {
    const { directory, loader, path } = await prepare(image);
    const results = new Set<number>();
    return {
      results: () => [...results],
      needsNoWarmUp: true,
      run: async (milliseconds) => {
        const { stdout } = await execute(loader, [path, String(Math.ceil(milliseconds))], { encoding: 'buffer', timeout: patience });
        const [rounds, result, microseconds] = new Uint32Array(stdout.buffer.slice(stdout.byteOffset, stdout.byteOffset + stdout.length));
        results.add(result!);
        return { rounds: rounds!, milliseconds: microseconds! / 1000 };
      },
      stop: () => rm(directory, { recursive: true }),
    };
  };
}

async function prepare(image: Uint8Array): Promise<{ directory: string; loader: string; path: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'bench-'));
  const loader = join(directory, 'native');
  const path = join(directory, 'image');
  await writeFile(loader, await inflate(nativeLoader.elf), { mode: 0o755 });
  await writeFile(path, image);
  return { directory, loader, path };
}
