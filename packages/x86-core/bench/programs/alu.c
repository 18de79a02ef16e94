/* Arithmetic in registers: no memory at all in the loop. */
unsigned run(void)
{
	unsigned a = 0x12345678, b = 0x9abcdef0, c = 1;

	for (unsigned i = 0; i < 300000; i++) {
		a ^= a << 13;
		a ^= a >> 17;
		a ^= a << 5;
		b += a * 5;
		c = (c << 7 | c >> 25) ^ b;
		if (c & 1)
			b -= i;
	}
	return a ^ b ^ c;
}
