/*
 * Our definitions and iced-x86's mnemonics.
 *
 * Most names are the same; what follows is about the others. Vector instructions and those of the x87 are chosen by
 * ModRM and prefixes behind one definition: there only the family is compared, and operands by ModRM's fields.
 */
import type { Plan } from './plan.js';

const conditions = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'];

/** Definitions whose mnemonic is another word, or one of several. */
const other: Readonly<Record<string, string>> = {
  imul3: 'imul', imul_wide: 'imul', call_indirect: 'call', call_far: 'call', jmp_indirect: 'jmp', jmp_far: 'jmp', ret_pop: 'ret', ret_far: 'retf',
  pop_memory: 'pop', cbw: 'cbw cwde', cwd: 'cwd cdq', movzx8: 'movzx', movzx16: 'movzx', movsx8: 'movsx', movsx16: 'movsx', shl: 'shl sal',
  load_far_pointer: 'les lds lss lfs lgs', ins: 'insb insw insd', outs: 'outsb outsw outsd', movs: 'movsb movsw movsd', cmps: 'cmpsb cmpsw cmpsd',
  stos: 'stosb stosw stosd', lods: 'lodsb lodsw lodsd', scas: 'scasb scasw scasd', pusha: 'pusha pushad', popa: 'popa popad',
  pushf: 'pushf pushfd', popf: 'popf popfd', iret: 'iret iretd', xlat: 'xlatb', fwait: 'wait', jcxz_16: 'jcxz', jcxz_32: 'jecxz',
  loop_16: 'loop', loop_32: 'loop', loope_16: 'loope', loope_32: 'loope', loopne_16: 'loopne', loopne_32: 'loopne',
  hint: 'reservednop', mxcsr: 'ldmxcsr stmxcsr', fence: 'lfence mfence', store_fence: 'sfence', cache_flush: 'clflush',
  mov_from_cr: 'mov', mov_to_cr: 'mov', mov_from_dr: 'mov', mov_to_dr: 'mov', nop: 'nop',
};

const families = new Map<string, ReadonlySet<string>>();
for (const [name, words] of Object.entries(other)) families.set(name, new Set(words.split(' ')));
conditions.forEach((condition, code) => {
  for (const verb of ['j', 'set', 'cmov']) families.set(verb + code, new Set([verb + condition]));
});
for (const segment of ['es', 'cs', 'ss', 'ds', 'fs', 'gs']) {
  families.set(`push_${segment}`, new Set(['push']));
  families.set(`pop_${segment}`, new Set(['pop']));
  families.set(`mov_from_${segment}`, new Set(['mov']));
  families.set(`mov_to_${segment}`, new Set(['mov']));
}
for (const name of ['bt', 'bts', 'btr', 'btc']) families.set(`${name}_string`, new Set([name]));

/** First and last escape opcode of the x87. */
const firstEscape = 0xd8;
const lastEscape = 0xdf;
/** Vector definitions that have a name of their own; the rest are taken by the plan. */
const namedVector = new Set(['emms', 'mxcsr', 'fence', 'store_fence', 'cache_flush']);
const verdicts = new Map<string, boolean>();

/** Is the definition the right one for the form? @param opcode as in Instruction */
export function rightName(name: string, opcode: number, plan: Plan): boolean {
  if (opcode >= firstEscape && opcode <= lastEscape) return name === 'x87';
  if (plan.vector && !namedVector.has(name)) return !families.has(name) && opcode >= 0x100;
  const key = `${name} ${plan.mnemonic}`;
  let verdict = verdicts.get(key);
  if (verdict === undefined) {
    const mnemonic = plan.mnemonic.toLowerCase();
    verdict = families.get(name)?.has(mnemonic) ?? name === mnemonic;
    verdicts.set(key, verdict);
  }
  return verdict;
}

/** Operands whose size the form does not decide: what they do with it is told by the definition. */
export const sizeless = new Set([
  'lldt', 'ltr', 'verr', 'verw', 'lmsw', 'smsw', 'sldt', 'str', 'lar', 'lsl', 'arpl', 'lea', 'bound', 'load_far_pointer', 'call_far', 'jmp_far',
  'sgdt', 'sidt', 'lgdt', 'lidt', 'invlpg', 'cmpxchg8b', 'fxsave', 'fxrstor', 'mxcsr', 'cache_flush', 'hint',
  ...['es', 'cs', 'ss', 'ds', 'fs', 'gs'].flatMap((segment) => [`mov_from_${segment}`, `mov_to_${segment}`]),
]);
