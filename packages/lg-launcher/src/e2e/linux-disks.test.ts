/*
 * A real Linux and its disks: a file system that Linux has mounted, filled and unmounted must be intact, here, there, and
 * after another boot; and a file nobody may write must be as it was.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { initrd, kernel, linuxIsMissing } from './linux.test-support.js';
import { runCommand } from './run-command.test-support.js';

const PATH = `${process.env['PATH'] ?? ''}${delimiter}/usr/sbin${delimiter}/sbin`;
const tool = (name: string, ...argv: string[]) => spawnSync(name, argv, { env: { ...process.env, PATH }, encoding: 'utf8' });
const installed = (name: string) => tool(name, '-V').error === undefined;

/** What Linux 3.x knows; the defaults of today's mke2fs are newer. */
const FEATURES = {
  ext2: 'none,ext_attr,resize_inode,dir_index,filetype,sparse_super,large_file',
  ext4: 'none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,uninit_bg,dir_nlink,extra_isize',
};

/** Makes a fresh image at a path. */
type Maker = (path: string) => void;

function images(): [string, Maker][] {
  const given = process.env['LGUEST_TEST_BLOCK'] ?? '';
  if (given !== '') return given.split(delimiter).map((path) => [basename(path), (target) => copyFileSync(path, target)]);
  if (!installed('mke2fs')) {
    console.info('linux-disks: skipped; set LGUEST_TEST_BLOCK to ext2 or ext4 images, or install mke2fs');
    return [];
  }
  return Object.entries(FEATURES).map(([type, features]) => [type, (target) => {
    writeFileSync(target, '');
    truncateSync(target, 16 << 20);
    const made = tool('mke2fs', '-q', '-F', '-t', type, '-O', features, target);
    if (made.status !== 0) throw new Error(made.stderr);
  }]);
}

const disks = linuxIsMissing('linux-disks') ? [] : images();
const none: [string, Maker] = ['a disk', () => {}];

describe.skipIf(disks.length === 0).each(disks.length === 0 ? [none] : disks)('%s', (name, make) => {
  let folder: string;
  let image: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'lguest-disk-'));
    image = join(folder, name);
    make(image);
  });
  afterAll(() => { rmSync(folder, { recursive: true }); });

  const digest = () => createHash('sha256').update(readFileSync(image)).digest('hex');
  /** Boot with the disk, type, and return what was printed. */
  const session = async (mode: string, commands: string[]) => {
    const argv = ['run', '--virtual-time', '--timeout', '100', '--memory', '64M', '--initrd', initrd, '--block', `${image}${mode}`, kernel, '--', 'console=hvc0', 'quiet'];
    const done = await runCommand(argv, `${[...commands, 'poweroff -f'].join('\n')}\n`);
    expect(done, done.stdout).toMatchObject({ status: 0, stderr: '' });
    return done.stdout.replaceAll('\r', '');
  };
  // the console shows what is typed, too: words that are waited for are spelt so that only the answer has them
  const fill = ['mkdir -p /mnt/a/b; seq 1 20000 > /mnt/a/b/numbers; md5sum < /mnt/a/b/numbers > /mnt/sum', 'ln -s a/b/numbers /mnt/link'];
  const check = '[ "$(md5sum < /mnt/link)" = "$(cat /mnt/sum)" ] && echo in""tact';

  it('is mounted, written, unmounted, and found intact', async () => {
    const before = digest();
    const text = await session('', ['mount /dev/vda /mnt && echo mo""unted', ...fill, 'umount /mnt && echo unmo""unted']);
    expect(text).toContain('\nmounted\n');
    expect(text).toContain('\nunmounted\n');
    expect(digest()).not.toBe(before);
    if (installed('e2fsck')) expect(tool('e2fsck', '-fn', image)).toMatchObject({ status: 0 });
    else console.info('linux-disks: not checked with e2fsck, which is not installed');
    expect(await session('', ['mount /dev/vda /mnt', check, 'umount /mnt'])).toContain('\nintact\n');
  });

  it('is not written under an overlay, where Linux can write', async () => {
    const before = digest();
    const text = await session(',overlay', ['mount /dev/vda /mnt', 'rm -r /mnt/a; echo ne""w > /mnt/new; umount /mnt; mount /dev/vda /mnt', '[ -e /mnt/a ] || cat /mnt/new']);
    expect(text).toContain('\nnew\n');
    expect(digest()).toBe(before);
  });

  it('is not written when it is read-only, and Linux knows', async () => {
    const before = digest();
    const text = await session(',ro', ['cat /sys/block/vda/ro', 'mount -o ro /dev/vda /mnt', check, 'echo x > /mnt/x', 'dd if=/dev/zero of=/dev/vda bs=512 count=1']);
    expect(text).toContain('\n1\n');
    expect(text).toContain('\nintact\n');
    expect(text).toMatch(/Read-only file system|Operation not permitted/);
    expect(digest()).toBe(before);
  });
});
