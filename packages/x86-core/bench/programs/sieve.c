/* The sieve of Eratosthenes: byte stores with growing strides, byte loads in order. */
#define LIMIT 200000

static unsigned char composite[LIMIT];

unsigned run(void)
{
	unsigned count = 0;

	for (unsigned i = 0; i < LIMIT; i++)
		composite[i] = 0;
	for (unsigned i = 2; i < LIMIT; i++) {
		if (composite[i])
			continue;
		count++;
		for (unsigned j = i + i; j < LIMIT; j += i)
			composite[j] = 1;
	}
	return count;
}
