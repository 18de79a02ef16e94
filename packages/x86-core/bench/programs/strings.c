/* Lengths and hashes of strings, byte by byte. */
#define SIZE 65536

static char text[SIZE];

static __attribute__((noinline)) unsigned length(const char *s)
{
	const char *end = s;

	while (*end)
		end++;
	return end - s;
}

static __attribute__((noinline)) unsigned hash(const char *s)
{
	unsigned h = 2166136261u;

	while (*s)
		h = (h ^ (unsigned char)*s++) * 16777619u;
	return h;
}

unsigned run(void)
{
	unsigned seed = 1, sum = 0;

	for (unsigned i = 0; i < SIZE; i++) {
		seed = seed * 1103515245 + 12345;
		/* about one byte in 64 ends a string */
		text[i] = (seed >> 16 & 63) == 0 ? 0 : 'a' + (seed >> 24) % 26;
	}
	text[SIZE - 1] = 0;
	for (const char *s = text; s < text + SIZE; ) {
		unsigned n = length(s);
		sum = sum * 33 + hash(s) + n;
		s += n + 1;
	}
	return sum;
}
