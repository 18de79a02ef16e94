/*
 * Instructions that have no place in the little language, as functions. The user program uses some of them too.
 */
import type { Unit } from '../image/assemble.js';

/** copyBytes(to, from, bytes); fillWords(at, word, count). */
export const blockMoves: Unit = {
  name: 'block-moves',
  text: `
copyBytes:
  push %esi
  push %edi
  mov 12(%esp), %edi
  mov 16(%esp), %esi
  mov 20(%esp), %ecx
  mov %ecx, %edx
  shr $2, %ecx
  rep movsl
  mov %edx, %ecx
  and $3, %ecx
  rep movsb
  pop %edi
  pop %esi
  ret
fillWords:
  push %edi
  mov 8(%esp), %edi
  mov 12(%esp), %eax
  mov 16(%esp), %ecx
  rep stosl
  pop %edi
  ret
`,
};

/** scale(a, b, c): a * b / c with 64 bits in between (the result must fit); timestamp(): the low word of the TSC. */
export const arithmetic: Unit = {
  name: 'arithmetic',
  text: `
scale:
  mov 4(%esp), %eax
  mull 8(%esp)
  divl 12(%esp)
  ret
timestamp:
  rdtsc
  ret
`,
};

/** cpuidRead(leaf, place for eax ebx ecx edx). */
export const cpuidRead: Unit = {
  name: 'cpuid',
  text: `
cpuidRead:
  push %ebx
  push %edi
  mov 12(%esp), %eax
  mov 16(%esp), %edi
  xor %ecx, %ecx
  cpuid
  mov %eax, (%edi)
  mov %ebx, 4(%edi)
  mov %ecx, 8(%edi)
  mov %edx, 12(%edi)
  pop %edi
  pop %ebx
  ret
`,
};
