/*
 * Disks in files: what is written arrives, what must not be written does not.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { fileDisk } from './file-disk.js';
import { createOutputFile, readWholeFile } from './files.js';

let folder: string;
beforeAll(() => { folder = mkdtempSync(join(tmpdir(), 'lguest-test-')); });
afterAll(() => { rmSync(folder, { recursive: true }); });

function image(name: string, bytes = 4096): string {
  const path = join(folder, name);
  writeFileSync(path, Buffer.alloc(bytes, 7));
  return path;
}

describe('a disk in a file', () => {
  it('reads and writes the file', () => {
    const path = image('rw.img');
    const disk = fileDisk(path);
    expect([disk.size, disk.readOnly, disk.serial]).toEqual([4096, false, 'rw.img']);
    disk.write(512, new Uint8Array(1024).fill(9));
    disk.flush();
    const back = new Uint8Array(2048);
    disk.read(0, back);
    expect([back[511], back[512], back[1535], back[1536]]).toEqual([7, 9, 9, 7]);
    disk.close();
    expect(readFileSync(path)[600]).toBe(9);
  });

  it('leaves the file alone under an overlay, and when read-only', () => {
    const path = image('keep.img');
    const overlay = fileDisk(path, 'overlay');
    overlay.write(0, new Uint8Array(512).fill(1));
    const back = new Uint8Array(512);
    overlay.read(0, back);
    expect(back[0]).toBe(1);
    overlay.close();
    const locked = fileDisk(path, 'read-only');
    expect(locked.readOnly).toBe(true);
    expect(() => locked.write(0, new Uint8Array(512))).toThrow();
    locked.close();
    expect(readFileSync(path).every((byte) => byte === 7)).toBe(true);
  });

  it('does not see a partial last sector', () => {
    const disk = fileDisk(image('odd.img', 1000), 'read-only');
    expect(disk.size).toBe(512);
    disk.close();
  });

  it('says what is wrong', () => {
    expect(() => fileDisk(join(folder, 'none.img'))).toThrow(/none\.img: there is no such file; give a disk image/);
    expect(() => fileDisk(folder, 'read-only')).toThrow(/not a regular file/);
    expect(() => fileDisk(image('small.img', 100))).toThrow(/100 bytes, less than a sector/);
  });
});

describe('files', () => {
  it('are read and written, or the sentence says why not', () => {
    const path = join(folder, 'out.txt');
    const file = createOutputFile(path, 'statistics');
    for (let n = 0; n < 20_000; n++) file.write('lines\n');
    file.close();
    expect(readWholeFile(path, 'kernel', 'x')).toHaveLength(120_000);
    expect(() => readWholeFile(join(folder, 'nothing'), 'kernel', 'name another')).toThrow(/Cannot read the kernel .*nothing: there is no such file; name another\./);
    expect(() => createOutputFile(join(folder, 'no', 'where'), 'statistics')).toThrow(/Cannot write statistics to/);
  });
});
