/* Calls and returns, pushes and pops, and little else. */
static __attribute__((noinline, noclone)) unsigned fib(unsigned n)
{
	return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

unsigned run(void)
{
	volatile unsigned n = 25;

	return fib(n);
}
