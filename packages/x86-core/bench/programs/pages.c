/* 64 functions, each on a page of its own, that call one another: code that crosses pages at every call. */
#define PAGE __attribute__((noinline, noclone, aligned(4096)))

#define LEAF(n) static PAGE unsigned f##n(unsigned x, unsigned y) \
	{ return (x << (n % 7 + 1)) + (y ^ n * 0x1234567u); }
#define NODE(n, m) static PAGE unsigned f##n(unsigned x, unsigned y) \
	{ unsigned z = f##m(x + n, y); return z & 1 ? z ^ y >> 3 : z + x; }
#define CHAIN(a, b, c, d, e, f, g, h) LEAF(a) NODE(b, a) NODE(c, b) NODE(d, c) NODE(e, d) NODE(f, e) NODE(g, f) NODE(h, g)

CHAIN(1, 2, 3, 4, 5, 6, 7, 8)
CHAIN(9, 10, 11, 12, 13, 14, 15, 16)
CHAIN(17, 18, 19, 20, 21, 22, 23, 24)
CHAIN(25, 26, 27, 28, 29, 30, 31, 32)
CHAIN(33, 34, 35, 36, 37, 38, 39, 40)
CHAIN(41, 42, 43, 44, 45, 46, 47, 48)
CHAIN(49, 50, 51, 52, 53, 54, 55, 56)
CHAIN(57, 58, 59, 60, 61, 62, 63, 64)

unsigned run(void)
{
	unsigned x = 1;

	for (unsigned i = 0; i < 2000; i++) {
		x += f8(x, i);
		x += f16(x, i);
		x ^= f24(x, i);
		x += f32(x, i);
		x ^= f40(x, i);
		x += f48(x, i);
		x ^= f56(x, i);
		x += f64(x, i);
	}
	return x;
}
