/* A small stack machine: loads, a jump through a table, and jumps that no one can predict. */
enum { PUSH, LOAD, STORE, ADD, SUB, MUL, XOR, AND, SHIFT, LESS, JUMP_ZERO, JUMP, DUP, DROP, HALT };

/* x = 1; for (i = 0; i < n; i++) { x = x * 13 + i; if (x & 4) x ^= i << 3; } */
static const signed char program[] = {
	PUSH, 0, STORE, 0, PUSH, 1, STORE, 1,
	/* 8: */ LOAD, 0, LOAD, 2, LESS, JUMP_ZERO, 54,
	LOAD, 1, PUSH, 13, MUL, LOAD, 0, ADD, DUP, STORE, 1,
	PUSH, 4, AND, JUMP_ZERO, 43,
	LOAD, 1, LOAD, 0, PUSH, 3, SHIFT, XOR, STORE, 1, /* 41: */ JUMP, 43,
	/* 43: */ LOAD, 0, PUSH, 1, ADD, DUP, STORE, 0, DROP, JUMP, 8,
	/* 54: */ HALT,
};

static __attribute__((noinline)) int interpret(const signed char *code, int n)
{
	int stack[16], variables[3] = { 0, 0, n };
	int *sp = stack;
	const signed char *pc = code;

	for (;;) {
		switch (*pc++) {
		case PUSH: *sp++ = *pc++; break;
		case LOAD: *sp++ = variables[(int)*pc++]; break;
		case STORE: variables[(int)*pc++] = *--sp; break;
		case ADD: sp--; sp[-1] += *sp; break;
		case SUB: sp--; sp[-1] -= *sp; break;
		case MUL: sp--; sp[-1] = (unsigned)sp[-1] * *sp; break;
		case XOR: sp--; sp[-1] ^= *sp; break;
		case AND: sp--; sp[-1] &= *sp; break;
		case SHIFT: sp--; sp[-1] = (unsigned)sp[-1] << *sp; break;
		case LESS: sp--; sp[-1] = sp[-1] < *sp; break;
		case JUMP_ZERO: if (*--sp == 0) pc = code + *pc; else pc++; break;
		case JUMP: pc = code + *pc; break;
		case DUP: *sp = sp[-1]; sp++; break;
		case DROP: sp--; break;
		case HALT: return variables[1];
		}
	}
}

unsigned run(void)
{
	return interpret(program, 15000);
}
