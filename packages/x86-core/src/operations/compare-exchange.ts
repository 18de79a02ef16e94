/*
 * CMPXCHG8B: compare eight bytes of memory with EDX:EAX, and replace them by ECX:EBX when they are equal.
 */
import { Register, State } from '../state.js';
import { type Call, firstPlace, Unit } from './operation.js';

const { eax, ecx, edx, ebx } = Register;
const bytes = 8;
const integerUnit = new Unit('integers', firstPlace.integer);

const operation = integerUnit.operation({ name: 'cmpxchg8b', bytes, write: true, guard: 0, flags: true }, (b) => {
  const register = (number: number): number => State.gpr + 4 * number;
  const low = b.load('i32.load', b.operand);
  const high = b.load('i32.load', b.operand, 4);
  const differs = b.do('i32.or', b.do('i32.xor', low, b.state(register(eax))), b.do('i32.xor', high, b.state(register(edx))));
  // memory is written in any case
  b.store('i32.store', b.operand, b.select(differs, low, b.state(register(ebx))));
  b.store('i32.store', b.operand, b.select(differs, high, b.state(register(ecx))), 4);
  b.setState(register(eax), low);
  b.setState(register(edx), high);
  b.setState(State.flagZero, differs);
});

/** CMPXCHG8B's operation. */
export const compareExchangeCall: Call = { operation, register: 0, operand: 0 };
