/* 64 functions on 64 pages, called through a table of pointers in an order of no loop's own. */
#define PAGE __attribute__((noinline, noclone, aligned(4096)))

#define F(n) static PAGE unsigned f##n(unsigned x, unsigned y) \
	{ return (x >> n % 5 + 1) + (x ^ y * (n * 2 + 1)); }
#define EIGHT(M, a) M(a##0) M(a##1) M(a##2) M(a##3) M(a##4) M(a##5) M(a##6) M(a##7)
#define ALL(M) EIGHT(M, 1) EIGHT(M, 2) EIGHT(M, 3) EIGHT(M, 4) EIGHT(M, 5) EIGHT(M, 6) EIGHT(M, 7) EIGHT(M, 8)
ALL(F)

#define ENTRY(n) f##n,
static unsigned (*volatile table[64])(unsigned, unsigned) = { ALL(ENTRY) };

unsigned run(void)
{
	unsigned x = 1;

	for (unsigned i = 0; i < 60000; i++)
		x = table[(i * 29 + (i >> 6)) & 63](x, i);
	return x;
}
