/* rep movs and rep stos over a few bytes each: small structures and strings. */
#include "rep.h"

static unsigned char from[256], to[256];

unsigned run(void)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < sizeof from; i++)
		from[i] = i * 7;
	for (unsigned i = 0; i < 20000; i++) {
		unsigned length = (i * 5 & 31) + 1, at = i & 127;
		copy_bytes(to + at, from + (i * 3 & 127), length);
		copy_words(to + (i & 64), from + at, (length + 3) / 4);
		fill_words(to + 128 + (i & 31), i, length / 4);
		fill_bytes(to + at, i, length / 2);
		sum = sum * 5 + to[at + length - 1];
	}
	return sum;
}
