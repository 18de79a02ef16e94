/* rep movs and rep stos over whole pages and more: what clears and copies memory. */
#include "rep.h"

#define SIZE (64 << 10)

static unsigned char from[SIZE + 64], to[SIZE + 64];

unsigned run(void)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < 1024; i++)
		from[i * 64] = i;
	for (unsigned i = 0; i < 40; i++) {
		fill_words(to, i, 1024);
		copy_words(to + 4096, from, 1024);
		copy_bytes(to + 8192 + (i & 3), from + 1000 + i, 4096);
		fill_bytes(to + 20000 + i, i, 4096);
		copy_words(to, from + i, SIZE / 4);
		fill_words(to + (i & 60), i, SIZE / 4);
		sum = sum * 31 + to[i * 100] + to[8192 + i];
	}
	return sum;
}
