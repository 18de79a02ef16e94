/*
 * From trees to assembly.
 *
 * The oldest code generator there is: every expression leaves its value in eax, a second operand that is not a plain
 * number or variable waits on the stack. Functions are called as C calls them on i386 (arguments on the stack, last one
 * first; eax, ecx, edx may change, everything else survives), so hand-written assembly and compiled code call each
 * other freely. The code is slow and obvious, which suits a kernel that is there to be read.
 */
import { GuestBuildError } from '../error.js';
import type { Unit } from '../image/assemble.js';
import type { Expression, FunctionTree, Program, Statement } from './tree.js';

const ARGUMENTS = 8;
const WORD = 4;

const conditions: Readonly<Record<string, string>> = { '==': 'e', '!=': 'ne', '<': 'b', '>': 'a', '<=': 'be', '>=': 'ae' };
const opposite: Readonly<Record<string, string>> = { e: 'ne', ne: 'e', b: 'ae', ae: 'b', a: 'be', be: 'a' };
const arithmetic: Readonly<Record<string, string>> = { '+': 'add', '-': 'sub', '&': 'and', '|': 'or', '^': 'xor', '*': 'imul' };

/** Loads and stores of less than a word, and the other things that look like calls. */
const loads: Readonly<Record<string, string>> = { load8: 'movzbl (%eax), %eax', load16: 'movzwl (%eax), %eax', load32: 'mov (%eax), %eax' };
const stores: Readonly<Record<string, string>> = { store8: 'movb %cl, (%eax)', store16: 'movw %cx, (%eax)', store32: 'mov %ecx, (%eax)' };

/** What a program becomes. */
export interface EmittedProgram {
  /** One unit per function, and one with all strings. */
  readonly units: readonly Unit[];
}

/**
 * Compile a program. `externals` are the labels that hand-written assembly provides.
 * @throws GuestBuildError 'syntax' for unknown names and wrong numbers of arguments.
 */
export function emit(program: Program, externals: ReadonlySet<string>): EmittedProgram {
  const strings = new Map<string, string>();
  const known = new Map(program.functions.map((tree) => [tree.name, tree]));
  const units = program.functions.map((tree) => new FunctionEmitter(tree, program, known, externals, strings).unit());
  const text = [...strings].map(([value, label]) => `${label}: .byte ${[...new TextEncoder().encode(value), 0].join(', ')}`);
  return { units: [...units, { name: 'strings', text: text.join('\n') }] };
}

class FunctionEmitter {
  readonly #tree: FunctionTree;
  readonly #program: Program;
  readonly #functions: ReadonlyMap<string, FunctionTree>;
  readonly #externals: ReadonlySet<string>;
  readonly #strings: Map<string, string>;
  readonly #places = new Map<string, string>();
  readonly #lines: string[] = [];
  readonly #loops: { again: string; out: string }[] = [];
  #labels = 0;

  constructor(
    tree: FunctionTree, program: Program, functions: ReadonlyMap<string, FunctionTree>, externals: ReadonlySet<string>,
    strings: Map<string, string>,
  ) {
    this.#tree = tree;
    this.#program = program;
    this.#functions = functions;
    this.#externals = externals;
    this.#strings = strings;
    tree.parameters.forEach((name, i) => this.#places.set(name, `${ARGUMENTS + WORD * i}(%ebp)`));
    tree.locals.forEach((name, i) => this.#places.set(name, `${-WORD * (i + 1)}(%ebp)`));
  }

  unit(): Unit {
    const { name, locals, body } = this.#tree;
    this.#say(`${name}:`, 'push %ebp', 'mov %esp, %ebp');
    if (locals.length > 0) this.#say(`sub $${WORD * locals.length}, %esp`);
    this.#statement(body);
    this.#say('leave', 'ret');
    return { name, text: this.#lines.join('\n') };
  }

  #say(...lines: string[]): void {
    this.#lines.push(...lines);
  }

  #label(): string {
    return `L${this.#labels++}`;
  }

  #error(what: string, line: number): GuestBuildError {
    return new GuestBuildError('syntax', `${this.#tree.file}:${line}: ${what} (in ${this.#tree.name})`);
  }

  #statement(tree: Statement): void {
    switch (tree.kind) {
      case 'expression': return this.#value(tree.value);
      case 'assign': return this.#assign(tree.target, tree.value, tree.line);
      case 'block': return tree.body.forEach((statement) => this.#statement(statement));
      case 'return':
        if (tree.value !== undefined) this.#value(tree.value);
        return this.#say('leave', 'ret');
      case 'if': return this.#if(tree.condition, tree.then, tree.otherwise);
      case 'loop': return this.#loop(tree);
      default: {
        const loop = this.#loops.at(-1);
        if (loop === undefined) throw this.#error(`${tree.kind} outside a loop`, tree.line);
        return this.#say(`jmp ${tree.kind === 'break' ? loop.out : loop.again}`);
      }
    }
  }

  #if(condition: Expression, then: Statement, otherwise: Statement | undefined): void {
    const no = this.#label();
    this.#jumpUnless(condition, no);
    this.#statement(then);
    if (otherwise === undefined) return this.#say(`${no}:`);
    const end = this.#label();
    this.#say(`jmp ${end}`, `${no}:`);
    this.#statement(otherwise);
    this.#say(`${end}:`);
  }

  #loop(tree: Extract<Statement, { kind: 'loop' }>): void {
    const top = this.#label();
    const again = this.#label();
    const out = this.#label();
    this.#loops.push({ again, out });
    this.#say(`${top}:`);
    if (tree.condition !== undefined) this.#jumpUnless(tree.condition, out);
    this.#statement(tree.body);
    this.#say(`${again}:`);
    if (tree.step !== undefined) this.#statement(tree.step);
    this.#say(`jmp ${top}`, `${out}:`);
    this.#loops.pop();
  }

  /** An operand the CPU can use without a register of its own, or undefined. */
  #simple(tree: Expression): string | undefined {
    switch (tree.kind) {
      case 'number': return `$${tree.value}`;
      case 'string': return `$${this.#string(tree.text)}`;
      case 'address': return this.#addressOf(tree.name, tree.line);
      case 'name': return this.#place(tree.name, tree.line);
      default: return undefined;
    }
  }

  #string(text: string): string {
    let label = this.#strings.get(text);
    if (label === undefined) this.#strings.set(text, (label = `string_${this.#strings.size}`));
    return label;
  }

  #addressOf(name: string, line: number): string {
    if (this.#places.has(name)) throw this.#error(`${name} is local; only global variables and functions have addresses`, line);
    this.#mustKnow(name, line);
    return `$${name}`;
  }

  /** Where a name's value is. The value of an array or function is its address. */
  #place(name: string, line: number): string {
    const local = this.#places.get(name);
    if (local !== undefined) return local;
    this.#mustKnow(name, line);
    const variable = this.#program.variables.get(name);
    return variable !== undefined && !variable.array ? name : `$${name}`;
  }

  #mustKnow(name: string, line: number): void {
    if (!this.#program.variables.has(name) && !this.#functions.has(name) && !this.#externals.has(name)) throw this.#error(`nobody defines ${name}`, line);
  }

  /** Leave the value in eax. */
  #value(tree: Expression): void {
    const simple = this.#simple(tree);
    if (simple !== undefined) return this.#say(simple === '$0' ? 'xor %eax, %eax' : `mov ${simple}, %eax`);
    switch (tree.kind) {
      case 'field':
        this.#value(tree.base);
        return this.#say(`mov ${tree.offset}(%eax), %eax`);
      case 'unary':
        if (tree.operator === '!') return this.#truth(tree);
        this.#value(tree.operand);
        return this.#say(tree.operator === '-' ? 'neg %eax' : 'not %eax');
      case 'binary': return this.#binary(tree);
      case 'choice': {
        const no = this.#label();
        const end = this.#label();
        this.#jumpUnless(tree.condition, no);
        this.#value(tree.yes);
        this.#say(`jmp ${end}`, `${no}:`);
        this.#value(tree.no);
        return this.#say(`${end}:`);
      }
      case 'call': return this.#call(tree.name, tree.args, tree.line);
    }
  }

  /** The left operand to eax, the right one as text (a simple operand, or ecx). */
  #operands(left: Expression, right: Expression): string {
    const simple = this.#simple(right);
    if (simple !== undefined) {
      this.#value(left);
      return simple;
    }
    this.#value(right);
    this.#say('push %eax');
    this.#value(left);
    this.#say('pop %ecx');
    return '%ecx';
  }

  #binary(tree: Extract<Expression, { kind: 'binary' }>): void {
    const { operator, left, right } = tree;
    if (operator === '&&' || operator === '||' || conditions[operator] !== undefined) return this.#truth(tree);
    const operand = this.#operands(left, right);
    const plain = arithmetic[operator];
    if (plain === 'imul' && operand.startsWith('$')) return this.#say(`imul ${operand}, %eax, %eax`);
    if (plain !== undefined) return this.#say(`${plain} ${operand}, %eax`);
    const shift = operator === '<<' ? 'shl' : operator === '>>' ? 'shr' : undefined;
    if (shift !== undefined && right.kind === 'number') return this.#say(`${shift} ${operand}, %eax`);
    if (operand !== '%ecx') this.#say(`mov ${operand}, %ecx`);
    if (shift !== undefined) return this.#say(`${shift} %cl, %eax`);
    this.#say('xor %edx, %edx', 'div %ecx');
    if (operator === '%') this.#say('mov %edx, %eax');
  }

  /** A condition as 1 or 0. */
  #truth(tree: Expression): void {
    const no = this.#label();
    const end = this.#label();
    this.#jumpUnless(tree, no);
    this.#say('mov $1, %eax', `jmp ${end}`, `${no}:`, 'xor %eax, %eax', `${end}:`);
  }

  #jumpUnless(tree: Expression, target: string): void {
    if (tree.kind === 'number') {
      if (tree.value === 0) this.#say(`jmp ${target}`);
      return;
    }
    if (tree.kind === 'unary' && tree.operator === '!') return this.#jumpIf(tree.operand, target);
    if (tree.kind === 'binary' && tree.operator === '&&') {
      this.#jumpUnless(tree.left, target);
      return this.#jumpUnless(tree.right, target);
    }
    if (tree.kind === 'binary' && tree.operator === '||') {
      const yes = this.#label();
      this.#jumpIf(tree.left, yes);
      this.#jumpUnless(tree.right, target);
      return this.#say(`${yes}:`);
    }
    this.#say(`j${opposite[this.#compare(tree)]} ${target}`);
  }

  #jumpIf(tree: Expression, target: string): void {
    if (tree.kind === 'binary' && (tree.operator === '&&' || tree.operator === '||') || tree.kind === 'number' || tree.kind === 'unary') {
      const no = this.#label();
      this.#jumpUnless(tree, no);
      return this.#say(`jmp ${target}`, `${no}:`);
    }
    this.#say(`j${this.#compare(tree)} ${target}`);
  }

  /** Set the CPU's flags; returns the condition that is true when the tree is. */
  #compare(tree: Expression): string {
    const condition = tree.kind === 'binary' ? conditions[tree.operator] : undefined;
    if (tree.kind === 'binary' && condition !== undefined) {
      const operand = this.#operands(tree.left, tree.right);
      this.#say(operand === '$0' ? 'test %eax, %eax' : `cmp ${operand}, %eax`);
      // TEST leaves carry clear, as comparing with 0 does
      return condition;
    }
    this.#value(tree);
    this.#say('test %eax, %eax');
    return 'ne';
  }

  #assign(target: Expression, value: Expression, line: number): void {
    if (target.kind === 'name') {
      const place = this.#place(target.name, line);
      if (place.startsWith('$')) throw this.#error(`cannot assign to ${target.name}`, line);
      this.#value(value);
      return this.#say(`mov %eax, ${place}`);
    }
    if (target.kind !== 'field') throw this.#error('cannot assign to this', line);
    const operand = this.#operands(target.base, value);
    // (an address as immediate beside a displacement is more than @defasm/core can do)
    if (value.kind === 'number') return this.#say(`movl ${operand}, ${target.offset}(%eax)`);
    if (operand !== '%ecx') this.#say(`mov ${operand}, %ecx`);
    this.#say(`mov %ecx, ${target.offset}(%eax)`);
  }

  #call(name: string, args: readonly Expression[], line: number): void {
    const [first, second] = args;
    if (loads[name] !== undefined && first !== undefined) {
      this.#value(first);
      return this.#say(loads[name]);
    }
    if (stores[name] !== undefined && first !== undefined && second !== undefined) {
      const operand = this.#operands(first, second);
      if (operand !== '%ecx') this.#say(`mov ${operand}, %ecx`);
      return this.#say(stores[name]);
    }
    if (name === 'arguments') return this.#say(`lea ${ARGUMENTS}(%ebp), %eax`);
    const known = this.#functions.get(name);
    if (known !== undefined && (known.variadic ? args.length < known.parameters.length : args.length !== known.parameters.length))
      throw this.#error(`${name} takes ${known.parameters.length} arguments, not ${args.length}`, line);
    for (const arg of [...args].reverse()) this.#push(arg);
    const isVariable = this.#places.has(name) || this.#program.variables.has(name);
    if (!isVariable) this.#mustKnow(name, line);
    this.#say(isVariable ? `call *${this.#place(name, line)}` : `call ${name}`);
    if (args.length > 0) this.#say(`add $${WORD * args.length}, %esp`);
  }

  #push(tree: Expression): void {
    // @defasm/core takes the immediate of a push for signed
    const simple = tree.kind === 'number' ? `$${tree.value | 0}` : this.#simple(tree);
    if (simple !== undefined) return this.#say(`push ${simple}`);
    this.#value(tree);
    this.#say('push %eax');
  }
}
