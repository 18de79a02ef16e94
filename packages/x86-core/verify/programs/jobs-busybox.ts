/*
 * Debian's busybox, applet by applet: those that need no second process. Names of files in a job's arguments are those
 * that `files` lays out for every job.
 */
import { makeArchives } from './archives.js';
import { binaryFile, editedText, tableFile, textFile } from './inputs.js';
import type { Job } from './run.js';

const text = textFile(2000);
const smallText = textFile(60, 9);
const edited = editedText(smallText);
const table = tableFile(800);
const binary = binaryFile(150_000);

/** Debian's awk has no functions of mathematics, so it computes some. */
const awkPrograms = {
  sums: '{ n[$1]++; x[$1] += $2; q[$1] += $2 * $2; m = $3 > m ? $3 : m } END { for (k in n) printf "%s %d %.17g %.17g %.6e\\n", k, n[k], x[k] / n[k], q[k], m }',
  series: 'function e(x, t, s, k) { t = s = 1; for (k = 1; k < 40; k++) { t *= x / k; s += t } return s } function r(x, y, k) { y = x; for (k = 0; k < 30; k++) y = (y + x / y) / 2; return y } NR <= 150 { y = $3 + 0.001; printf "%.17g %.17g %.12g\\n", e(-y), r(y), e(r(y) / 9) * $2 }',
  formats: '{ printf "%e|%g|%f|%d|%x|%o|%c|%10.3f|%-12.4e|%+g|%5s|%.3s\\n", $2, $2, $2, $4, $4, $4, $1, $3, $3, $2, $1, $1 }',
  integers: '{ a = int($4 / 7); b = $4 % 13; c = $4 * 3; print a, b, c, a * b - c, (a > b) + (c == $4 * $4), and($4, 255), or(a, b), xor(a, 3), lshift(b, 3), rshift($4, 2) }',
  strings: '{ gsub(/[aeiou]/, "<&>"); print toupper($1), length($0), index($0, "o"), substr($0, 3, 7), match($0, /[0-9]+\\.[0-9]+/), RSTART, RLENGTH; n = split($0, p, /[ .]/); print n, p[n] }',
  primes: 'BEGIN { for (i = 2; i < 3000; i++) { if (c[i]) continue; s += i; n++; for (j = i * i; j < 3000; j += i) c[j] = 1 } print n, s, s / n }',
  mandelbrot: 'BEGIN { for (y = -1; y <= 1; y += 0.125) { l = ""; for (x = -2; x <= 0.5; x += 0.0625) { a = b = 0; for (i = 0; i < 40 && a * a + b * b < 4; i++) { t = a * a - b * b + x; b = 2 * a * b + y; a = t } l = l substr(" .:-=+*#%@", 1 + i % 10, 1) } print l } }',
  random: 'BEGIN { srand(42); for (i = 0; i < 200; i++) print rand() }',
} as const;

const bcProgram = 'scale=60\ne(1)\nl(2)\n4*a(1)\ns(0.5)\nc(1.25)\nsqrt(2)\nj(1,0.5)\n2^200/3^70\nscale=0\n(7^77)%1000007\nobase=16\n2^100-1\nibase=2\n1011\n';
const dcProgram = '30k2vp 1 3/p 2 100^p 2 3 r/p 100 sx [lx p 7 - sx lx 0 <F] sF lF x 16o 255p 7 3 8|p 12345 678~pp\n';
const shellProgram = `
i=0; s=1
while [ $i -lt 400 ]; do s=$(( (s * 1103515245 + 12345) & 0x7fffffff )); i=$((i + 1)); case $s in *7) echo "seven $s";; *[02468]) echo "even $((s / 2))";; *) echo "odd $((s % 97)) $((s << 3)) $((~s))";; esac; done
f() { local n=$1; if [ $n -le 1 ]; then r=1; else f $((n - 1)); r=$((r * n)); fi; }
f 20; echo $r; v=abc.def.ghi; echo \${v%%.*} \${v#*.} \${#v} "\${v%.*}"
while read a b c; do printf '%s|%05d|%.3f\\n' "$a" "\${#b}" 1.5; done < small
set -- x y z; for w; do echo "$w $#"; shift; done; trap 'echo bye' EXIT; exit 5
`;
const edProgram = '1,5p\n/ka/s/ka/KA/g\n2,4d\n$a\nlast line\n.\n1,$n\nw out\nq\n';

/** Arguments, standard input, other files; words are split at single spaces unless given as a list. */
type Line = readonly [args: string | readonly string[], input?: Uint8Array | string, files?: Readonly<Record<string, Uint8Array>>];

function linesFor(busybox: string): Line[] {
  const { gz, bz, xz, lzma, tar, cpio, patch } = makeArchives(busybox, { text, small: smallText, edited, table, binary });
  const unpacked: Line[] = [
    ['gunzip -c', gz], ['gunzip x.gz', '', { 'x.gz': gz }], ['gunzip -t', gz.subarray(0, 5000)], ['bunzip2 -c', bz], ['bzcat x.bz2', '', { 'x.bz2': bz }],
    ['bunzip2 -c', bz.map((byte, i) => (i === 3000 ? byte ^ 1 : byte))],
    ...(xz === undefined ? [] : [['unxz -c', xz], ['xzcat x.xz', '', { 'x.xz': xz }]] as Line[]),
    ...(lzma === undefined ? [] : [['unlzma -c', lzma], ['lzcat', lzma]] as Line[]),
  ];
  return [
    ...['md5sum', 'sha1sum', 'sha256sum', 'sha512sum', 'sha3sum', 'crc32'].flatMap((sum): Line[] => [[sum, binary], [`${sum} text table missing`]]),
    ['sha3sum -a 512', binary], ['md5sum -c', `${'0'.repeat(32)}  small\n`], ['mkpasswd -m sha512 -S abcdefgh secret'], ['mkpasswd -m md5 -S abcdefgh secret'], ['mkpasswd -m des -S ab secret'],
    ...unpacked,
    ['gzip -c', binary], ['gzip -1 -c', text], ['gzip -9 table'], ['bzip2 -c', text], ['bzip2 -1 binary'], ['lzop -c', binary], ['gzip -d -c', 'no gzip\n'],
    ['sort', text], ['sort -r -u text'], ['sort -n -k 4 table'], ['sort -k 1,1 -k 2,2gr table'], ['sort -g -k 2 table'], ['sort -t o -k 2', smallText], ['sort -c text'], ['sort -M', 'Mar\nJan\nDec\nfeb\n'], ['sort -V', '1.10\n1.9\n1.2a\n'],
    ['sort -s -f -k 2 small'], ['uniq -c', text], ['uniq -d', textFile(500, 5)], ['uniq -u -i small'], ['wc text binary table missing'], ['wc -L', text], ['tr a-z A-Z', text], ['tr -cd 0-9', text], ['tr -s [:space:]', text], ['tr [:lower:] n-za-m', text],
    ['cut -c 2-9,12', text], ['cut -d. -f 1 table'], [['cut', '-d', ' ', '-f', '2-3', 'table']],
    [['sed', '-n', '/ka.*mi/{s/\\([a-z]*\\) \\([a-z]*\\)/\\2 \\1/g;p}', 'text']], [['sed', '-E', 's/[0-9]+/<&>/2;y/abc/xyz/;$!N;P;D', 'text']], [['sed', '-e', '1!G;h;$!d', 'small']], [['sed', '-i', 's/ka/KA/g;10,20d', 'small']], [['sed', 's/(', 'small']],
    [['grep', '-n', 'lo.*ka$', 'text']], [['grep', '-c', '-v', 'ka', 'text']], [['grep', '-E', '-o', '([a-z]+)(ka|lo)[0-9 ]+', 'text']], [['grep', '-i', '-w', '-A', '1', 'KA', 'text']], [['grep', '-F', '-x', 'none', 'text']], [['grep', '-q', 'ka', 'text']],
    ...Object.values(awkPrograms).map((program): Line => [['awk', program, 'table']]), [['awk', '-F', '[ka]', '{ print NF, $2 }', 'text']], [['awk', 'BEGIN { print 1/0 }']], [['awk', 'BEGIN { exit 3 }']], [['awk', '{']],
    ['od binary'], ['od -A x -t x1z small'], ['od -t fD -N 4000 binary'], ['od -t fF -N 2000 binary'], ['od -t d8 -j 100 -N 300 binary'], ['hexdump -C', binary.subarray(0, 5000)], [['hexdump', '-e', '8/1 "%3d " "\\n"', 'small']], [['hexdump', '-e', '2/8 "%14.6e " "\\n"', 'table']], ['xxd', smallText], ['xxd -p -c 20 table'], ['xxd -r', '00000000: 6869 0a\n'],
    ['base64', binary], ['base64 -d', Buffer.from(text).toString('base64')], ['base64 -d', '!!!!'], ['uuencode name', smallText], ['uuencode -m name', smallText], ['uudecode -o out', 'begin 644 x\n#:&D*\n`\nend\n'],
    ['bc -l', bcProgram], ['bc', 'for (i = 0; i < 40; i++) { a = a * 3 + i; print a, "\\n"; }\na/0\n'], ['dc', dcProgram],
    ['expr 12345 * 678'], ['expr 7 / 0'], ['expr 3 > 20'], [['expr', 'abcdef', ':', 'a\\(.*\\)e']], [['expr', 'length', 'hello']], ['expr 1 + ( 2 * 3 )'],
    ['seq 1 0.1 30'], ['seq -w 1 250 5000'], ['seq 10 -0.37 -10'], ['seq 1e-3 1e-3 0.2'], ['seq -s , 100'], ['factor 999999999989 18446744073709551556 1000000007 97 x'],
    [['printf', '%e %g %f %a|%d %x %o %s %b\\n', '1e-310', '123456789.125', '2.5', '0.1', '-77', '255', '8', 'str', 'a\\tb']], [['printf', '%.30f %.0e %G %d\\n', '0.1', '15', '1e100', 'x']], [['printf', '%*d|%-8s|%c\\n', '6', '42', 'ab', 'z']],
    ['test 3 -lt 10'], ['test -f small'], ['test abc = abd'], ['test -d missing'], ['[ 1 -eq 1 ]'], ['true'], ['false'],
    ['diff small edited'], ['diff -u small edited'], ['diff -q small small'], ['diff -b -i small edited', ''], ['cmp small edited'], ['cmp -l small edited'], ['cmp small small'],
    ['patch small', patch], ['patch -R edited', patch], ['patch table', patch], ['tar cf out.tar small'], ['tar tf t.tar', '', { 't.tar': tar }], ['tar xvf t.tar', '', { 't.tar': tar }], ['cpio -t', cpio], ['cpio -i -d', cpio],
    ['fold -w 37', text], ['fold -s -w 50', text], ['nl', text], ['nl -b a -w 3 small'], ['tac', text], ['rev', text], ['paste small table'], ['paste -s -d ,; small'], ['expand -t 4', text], ['unexpand -a', text], ['cat -A small'], ['cat -n small table'], ['cat missing'],
    ['cal 2 2024'], ['cal 2023'], ['cal 9 1752'], [['date', '-u', '-d', '@1234567890', '+%Y-%m-%d %H:%M:%S %j %a %b %s %U']], ['date -u -d 2024-02-29'], [['date', '-u', '-d', '1999-12-31 23:59:59', '+%c']], ['date -u -d rubbish'],
    ['dd bs=512 count=20 skip=3 status=none', binary], ['dd if=binary of=out bs=1000 conv=swab,notrunc status=none'], ['tail -n 20', text], ['tail -c 1000 text'], ['tail -n +1990 text'], ['head -n 15', text], ['head -c 2000 binary'], ['strings binary'], ['strings -n 8 -t x binary'],
    ['ascii'], ['echo -e a\\tb\\x41\\n'], ['basename /a/b/c.txt .txt'], ['dirname /a/b/c.txt'], ['split -l 500 text part'], ['split -b 20k binary piece'], ['tee one two', smallText], ['touch new'], ['mkdir -p d/e/f'], ['rm small'], ['rm missing'], ['rmdir missing'], ['mv small moved'], ['cp text copy'], ['ln -s small link'], ['readlink small'], ['truncate -s 100 text'],
    ['dos2unix edited'], ['unix2dos edited'], ['shred -n 0 -z table'], ['ipcalc -n -b -m 10.20.30.40/19'], ['ed small', edProgram], ['sh script', '', { script: Buffer.from(shellProgram) }], [['sh', '-c', 'echo $((2**62)) $((-7/2)) $((0x7fffffff*3)); kill -SEGV $$']], [['sh', '-c', 'exit 300']], [['getopt', 'ab:', '-a', '-b', 'x', 'y']],
    ['find . -name text'], ['ls -1'], ['ls missing'], ['ls -1 -S'], ['stat -c %s,%F text table'], ['env -i A=1 B=2'], ['printenv HOME'], ['nonsense'], ['--list'], ['sleep 0'], ['nproc --help'], ['unzip -l nothing.zip'], ['ar t nothing'], ['which nothing'], ['id -u'], ['whoami --help'],
  ];
}

/** All jobs for the busybox at this path. */
export function busyboxJobs(busybox: string): Job[] {
  const files = { text, small: smallText, edited, table, binary };
  return linesFor(busybox).map(([words, input, more]) => {
    const args = typeof words === 'string' ? words.split(' ') : words;
    const shown = args.join(' ').replaceAll('\n', ' ');
    return {
      name: `busybox ${shown.length > 60 ? `${shown.slice(0, 60)}…` : shown}`, program: busybox, args,
      ...(input !== undefined && { input: typeof input === 'string' ? Buffer.from(input) : input }), files: { ...files, ...more },
    };
  });
}
