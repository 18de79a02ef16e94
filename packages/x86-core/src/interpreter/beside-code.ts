/*
 * Data beside code.
 *
 * A page with decoded code is not plainly writable: the tables of translations say so, and writes there miss. Most of them
 * change no instruction, only data on the same page; the map of decoded chunks tells. Handlers that would ask it would be
 * slower for all other writes. So there is a second set of those that write to memory, which do ask, in a module of its own,
 * made when first wanted: it executes one record and returns.
 */
import { firstPlace, tableSize } from '../operations/operation.js';
import { SlotKind } from '../instruction.js';
import type { UndefinedResults } from '../undefined-results.js';
import { encodeModule, noResult, Op, ValueType } from '../wasm/encoder.js';
import { type GeneratedInterpreter, noShape } from './generate.js';
import { HandlerBuilder, Label, Local, type Shape } from './handler-builder.js';
import { writeHostOfWrite } from './host-of-write.js';
import { Output, type Statement } from './node.js';
import { reload, spill } from './paths.js';
import { Field } from './record.js';
import { callKey, callShapes, keyOf, selectShapes } from './shapes.js';

/** Instructions that write to memory and go on behind themselves. */
function writes({ definition, kinds }: Shape): boolean {
  if (definition.ends || definition.branches) return false;
  const use = definition.uses[kinds.indexOf(SlotKind.memory)];
  return definition.string || (use !== undefined && use !== 'r');
}

const { i32 } = ValueType;
/** The module's functions are the one wanted and hostOfWrite(); the type of operations follows theirs. */
const numbers = { hostOfWrite: 1, operationType: 2 };
const done = 0;
const notDone = 1;

/**
 * The module: a function for firstPlace.besideCode that takes a record and the address of its page, and executes it, which
 * has missed with a write. It returns 0, or 1 when it has done nothing. The lazy flags are in the state page.
 */
export function generateBesideCode(generated: GeneratedInterpreter, undefinedResults: UndefinedResults): Uint8Array<ArrayBuffer> {
  const bodies: Statement[][] = [];
  const bodyOf = new Map<number, number>();
  const add = (handler: number, shape: Shape, build: (builder: HandlerBuilder) => Statement[]): void => {
    bodyOf.set(handler, bodies.length);
    bodies.push(build(new HandlerBuilder(shape, undefinedResults, 0, numbers)));
  };
  for (const shape of selectShapes().filter(writes)) add(generated.handlers.get(keyOf(shape))!, shape, (builder) => builder.build());
  for (const shape of callShapes.filter(({ write }) => write)) add(generated.calls.get(callKey(shape))!, noShape, (builder) => builder.buildCall(shape));

  const out = new Output(Local.firstTemporary);
  reload(out);
  for (let label: number = Label.top; label <= Label.handlers; label++) out.op(Op.block, noResult);
  for (let i = 0; i < bodies.length; i++) out.op(Op.block, noResult);
  out.get(Local.record);
  out.memory(Op.i32Load16u, Field.handler);
  out.code.byte(Op.brTable);
  out.code.unsigned(generated.plain.length - 1);
  // of a fused pair this is about the first
  for (const plain of generated.plain) out.code.unsigned(bodyOf.get(plain) ?? bodies.length);
  bodies.forEach((body, i) => {
    out.op(Op.end);
    out.level = Label.handlers + (bodies.length - 1 - i);
    out.resetLocals();
    out.statements(body);
  });
  // whatever leaves by a common path has not happened
  for (let label: number = Label.handlers; label > Label.top; label--) out.op(Op.end);
  out.constant(notDone);
  out.op(Op.return, Op.end);
  spill(out);
  out.constant(done);

  const parameters = [i32, i32, i32];
  const locals = out.locals(parameters.length);
  return encodeModule({
    memoryPages: 1, imports: [],
    functions: [{ name: '', type: { parameters, results: [i32] }, locals, code: out.code.view() }, writeHostOfWrite()],
    types: [{ parameters, results: [i32] }],
    table: { size: tableSize, offset: firstPlace.besideCode, elements: [0] },
  });
}
