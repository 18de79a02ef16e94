/*
 * Code that never gets hot: 2.5 MB of it, and no instruction runs more than a few times.
 *
 * Some hundred functions of the kinds that programs are made of, no two with the same numbers in them, are called three
 * times in a row. Then the same is done with a copy of them at another address, which is new code to whoever runs it.
 * So this program has one round only; another would overwrite code that has run.
 */
#define COPIES 48
#define FIELDS 16

/* All data of the functions; what their code refers to beside this is themselves. */
struct state {
	unsigned v[FIELDS];
	unsigned char bytes[64];
	struct state *next;
};

typedef struct state S;

/* Numbers that depend on a function's own */
#define A(n) ((n) % FIELDS)
#define B(n) (((n) * 7 + 3) % FIELDS)
#define C(n) (((n) * 5 + 11) % FIELDS)
#define K(n) ((n) * 2654435761u)

#define FUNCTION(kind, n) static __attribute__((section(".chunk"), noinline, noclone)) unsigned kind##_##n(S *s)

#define FIELD(n) FUNCTION(field, n) { /* a record is checked and changed */ \
	unsigned flags = s->v[A(n)]; \
	if ((flags & 1u << n % 31) == 0 && s->v[B(n)] < K(n)) { s->v[A(n)] = flags | 1u << n % 31; s->v[C(n)] += n + 1; return 0; } \
	if (s->v[C(n)] > K(n + 1)) s->v[C(n)] -= K(n) >> 3; else s->v[B(n)] ^= flags >> n % 7; \
	return s->v[A(n)] - s->v[B(n)]; }

#define NUMBER(n) FUNCTION(number, n) { /* a number is read */ \
	const unsigned char *p = s->bytes + n % 32; unsigned value = 0; \
	while (p < s->bytes + n % 32 + 2) { unsigned c = *p++; if (c - '0' < 10) value = value * 10 + (c - '0'); \
		else if ((c | 32) - 'a' < 6) value = value * 16 + (c | 32) - 'a' + 10; else value ^= c + n; } \
	return s->v[A(n)] = value; }

#define DIGITS(n) FUNCTION(digits, n) { /* a number is written */ \
	unsigned value = s->v[A(n)] & 0x3ff; unsigned char *p = s->bytes + n % 40 + 4; \
	do { *--p = '0' + value % 10; value /= 10; } while (value); \
	s->bytes[n % 48] ^= n; return p - s->bytes; }

#define CHOICE(n) FUNCTION(choice, n) { /* a decision is taken */ \
	switch (s->v[B(n)] >> n % 20 & 7) { \
	case 0: return s->v[A(n)]++; \
	case 1: case 5: s->v[C(n)] = s->v[A(n)] * 3; return n; \
	case 2: return s->v[C(n)] > s->v[A(n)] ? K(n) : -n; \
	case 3: s->v[A(n)] = ~s->v[A(n)]; s->bytes[n % 64]++; return 1; \
	case 6: s->v[B(n)] += 1u << n % 20; return s->next->v[A(n)]; \
	default: return s->v[B(n)] -= K(n + 2); } }

#define LONG(n) FUNCTION(wide, n) { /* 64 bits in two registers */ \
	unsigned long long x = (unsigned long long)s->v[A(n)] << 32 | s->v[B(n)]; \
	x = x * (K(n) | 1) + ((unsigned long long)n << 33); \
	if (x > 0x4000000000000000ull) x -= (unsigned long long)s->v[C(n)] << n % 13; else x = x << 3 | x >> 61; \
	s->v[C(n)] = x; return x >> 32; }

#define DAY(n) FUNCTION(day, n) { /* a date is computed */ \
	unsigned days = s->v[A(n)] % 100000 + n, era = days / 1461, year, month; \
	days -= era * 1461; year = days / 365 - (days == 1460); month = (5 * (days - year * 365) + 2) / 153; \
	s->v[B(n)] ^= month; return era * 4 + year + month * 31; }

#define LIST(n) FUNCTION(list, n) { /* a list is searched */ \
	S *found = 0; unsigned steps = 0; \
	for (S *p = s; steps < 3; p = p->next, steps++) if ((p->v[A(n)] & 0xf) == n % 16) { found = p; break; } \
	if (!found) return n; \
	found->v[A(n)] += 5; s->v[B(n)] = steps; return found->v[C(n)]; }

#define MIX(n) FUNCTION(mix, n) { /* bits are mixed */ \
	unsigned a = s->v[A(n)], b = s->v[B(n)], c = s->v[C(n)] ^ K(n); \
	a -= c; a ^= c << n % 11 | c >> (32 - n % 11) % 32; c += b; b -= a; b ^= a >> n % 17; a += c; \
	c = (c & 0x55555555) << 1 | (c >> 1 & 0x55555555); b += (a | c) * 9; \
	s->v[A(n)] = a; s->v[C(n)] = b; return c; }

#define TEXT(n) FUNCTION(text, n) { /* strings are compared, whatever their case */ \
	const unsigned char *p = s->bytes + n % 30, *q = s->next->bytes + n % 29; int difference = 0; \
	for (int i = 0; i < 2 && !difference; i++) { int x = p[i], y = q[i]; if (x - 'A' < 26u) x += 32; if (y - 'A' < 26u) y += 32; difference = x - y; } \
	if (difference < 0) s->bytes[n % 64] += n + 1; else s->v[C(n)] += difference; \
	return difference; }

#define CALL(n) FUNCTION(call, n) { /* others are asked */ \
	unsigned x = mix_##n(s), y; \
	if (x & 2) { y = field_##n(s->next); if (y > n) x += wide_##n(s); } else { y = choice_##n(s); x ^= text_##n(s->next) + y; } \
	return x + y * 3; }

#define TENS(M) M(1) M(2) M(3) M(4) M(5) M(6) M(7) M(8) M(9) M(10) M(11) M(12) M(13) M(14) M(15) M(16) M(17) M(18) M(19) \
	M(20) M(21) M(22) M(23) M(24) M(25) M(26) M(27) M(28) M(29) M(30) M(31) M(32) M(33) M(34) M(35) M(36) M(37) M(38) M(39)

#define KINDS(n) FIELD(n) NUMBER(n) DIGITS(n) CHOICE(n) LONG(n) DAY(n) LIST(n) MIX(n) TEXT(n) CALL(n)
TENS(KINDS)

#define CALLS(n) sum += number_##n(s); sum ^= list_##n(s); sum += call_##n(s) ^ day_##n(s); sum -= digits_##n(s); \
	sum += field_##n(s); sum = sum * 3 + choice_##n(s); sum ^= wide_##n(s); sum += mix_##n(s) ^ text_##n(s);

/* The first function of a copy: it calls all others. */
static __attribute__((section(".chunk"), noinline, noclone)) unsigned all(S *s)
{
	unsigned sum = 0;

	TENS(CALLS)
	return sum;
}

extern const unsigned char chunk_start[], chunk_end[];
static unsigned char copies[COPIES][56 << 10] __attribute__((aligned(4096)));
static S states[3];

unsigned run(void)
{
	unsigned sum = 0;

	for (int i = 0; i < 3; i++) {
		states[i].next = states + (i + 1) % 3;
		for (int j = 0; j < FIELDS; j++)
			states[i].v[j] = (i * FIELDS + j) * 0x9e3779b9u;
		for (int j = 0; j < 64; j++)
			states[i].bytes[j] = "0a9Zf-7x"[(j * 3 + i) & 7];
	}
	for (unsigned copy = 0; copy < COPIES; copy++) {
		void *to = copies[copy], *from = (void *)chunk_start;
		unsigned count = (chunk_end - chunk_start + 3) / 4;
		unsigned (*function)(S *) = (void *)(copies[copy] + ((unsigned char *)all - chunk_start));

		asm volatile("rep movsl" : "+D"(to), "+S"(from), "+c"(count) : : "memory");
		for (unsigned time = 0; time < 3; time++)
			sum = sum * 5 + function(states + time);
	}
	return sum;
}
