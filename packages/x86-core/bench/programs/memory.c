/* Loads and stores in order: words copied, summed, turned round and changed where they are. */
#define COUNT 16384

static unsigned from[COUNT], to[COUNT];

unsigned run(void)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < COUNT; i++)
		from[i] = i * 2654435761u;
	for (unsigned pass = 0; pass < 8; pass++) {
		for (unsigned i = 0; i < COUNT; i++)
			to[i] = from[i] + pass;
		for (unsigned i = 0; i < COUNT; i++)
			to[i] ^= i;
		for (unsigned i = 1; i < COUNT; i++)
			from[i] = from[i - 1] + to[i];
		for (unsigned i = 0, j = COUNT - 1; i < j; i++, j--) {
			unsigned t = from[i];
			from[i] = from[j];
			from[j] = t;
		}
		sum = sum * 31 + from[pass];
	}
	return sum;
}
