/* SSE2, four numbers at a time: points through a matrix of floats, and integers that are mixed by adding and shifting. */
typedef float Floats __attribute__((vector_size(16)));
typedef unsigned Words __attribute__((vector_size(16)));

#define COUNT 2048

static Floats points[COUNT];
static Words words[COUNT];

static __attribute__((noinline)) void transform(const Floats m[4], unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		Floats p = points[i];
		Floats x = __builtin_shuffle(p, (Words){ 0, 0, 0, 0 }), y = __builtin_shuffle(p, (Words){ 1, 1, 1, 1 });
		Floats z = __builtin_shuffle(p, (Words){ 2, 2, 2, 2 }), w = __builtin_shuffle(p, (Words){ 3, 3, 3, 3 });
		points[i] = x * m[0] + y * m[1] + z * m[2] + w * m[3];
	}
}

static __attribute__((noinline)) void mix(Words seed, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		Words v = words[i] + seed;
		v ^= v << 13;
		v ^= v >> 17;
		v ^= v << 5;
		seed += v & (Words){ 0xff, 0xff00, 0xff0000, 0xff000000 };
		words[i] = v;
	}
}

unsigned run(void)
{
	static const Floats turn[4] = { { 0, 1, 0, 0 }, { -1, 0, 0, 0.25f }, { 0, 0.5f, 0.5f, 0 }, { 0, -0.125f, 0, 1 } };
	unsigned sum = 0;

	for (unsigned i = 0; i < COUNT; i++) {
		points[i] = (Floats){ i, i * 0.5f, 3 - (float)i, 1 };
		words[i] = (Words){ i, i * 3, ~i, i << 8 };
	}
	for (unsigned pass = 0; pass < 8; pass++) {
		transform(turn, COUNT);
		mix((Words){ pass, 1, 2, 3 }, COUNT);
	}
	for (unsigned i = 0; i < COUNT; i += 64) {
		Words p = (Words)points[i] ^ words[i];
		sum = sum * 31 + (p[0] ^ p[1] ^ p[2] ^ p[3]);
	}
	return sum;
}
