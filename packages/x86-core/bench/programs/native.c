/*
 * A bench program on the machine itself: a small 32-bit Linux program that puts an image where a multiboot loader
 * would, and calls its round. `native IMAGE MILLISECONDS` writes three words to standard output: rounds done, their
 * result, and microseconds of CPU time; with 0 milliseconds it does one round and times that.
 */
#define LOAD_ADDRESS 0x100000
#define MEMORY_BYTES (31 << 20)

/* In words from the start of the image: a multiboot header after the jump over it, and the address of run() after that */
enum { MAGIC_AT = 1, RUN_AT = 9, MAGIC = 0x1badb002 };

enum { EXIT = 1, READ = 3, WRITE = 4, OPEN = 5, MMAP2 = 192, CLOCK_GETTIME = 265 };
enum { READABLE = 1, WRITABLE = 2, EXECUTABLE = 4, PRIVATE = 2, FIXED = 0x10, ANONYMOUS = 0x20, POPULATE = 0x8000 };
enum { PROCESS_CPU_TIME = 2 };

static int call(int number, unsigned a, unsigned b, unsigned c, unsigned d, unsigned e)
{
	int result;

	asm volatile("push %%ebp\n\txor %%ebp, %%ebp\n\tint $0x80\n\tpop %%ebp"
		     : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e) : "memory");
	return result;
}

/* An error becomes the exit status: 1 and on, in the order below */
static void check(int good, int status)
{
	if (!good)
		for (;;)
			call(EXIT, status, 0, 0, 0, 0);
}

static unsigned microseconds(void)
{
	int time[2];

	call(CLOCK_GETTIME, PROCESS_CPU_TIME, (unsigned)time, 0, 0, 0);
	return time[0] * 1000000u + time[1] / 1000;
}

__attribute__((used)) static void start(int argc, char **argv)
{
	unsigned *image = (unsigned *)LOAD_ADDRESS, milliseconds = 0, began, now, results[3];
	int file, got;
	char *to = (char *)image;

	check(argc == 3, 1);
	for (const char *p = argv[2]; *p; p++)
		milliseconds = milliseconds * 10 + *p - '0';
	check(call(MMAP2, LOAD_ADDRESS, MEMORY_BYTES, READABLE | WRITABLE | EXECUTABLE, PRIVATE | FIXED | ANONYMOUS | POPULATE, -1) == LOAD_ADDRESS, 2);
	file = call(OPEN, (unsigned)argv[1], 0, 0, 0, 0);
	check(file >= 0, 3);
	while ((got = call(READ, file, (unsigned)to, 1 << 20, 0, 0)) > 0)
		to += got;
	check(got == 0 && image[MAGIC_AT] == MAGIC, 4);

	unsigned (*run)(void) = (unsigned (*)(void))image[RUN_AT];

	if (milliseconds > 0)
		run();
	began = microseconds();
	results[0] = 0;
	do {
		results[1] = run();
		results[0]++;
		now = microseconds();
	} while (now - began < milliseconds * 1000);
	results[2] = now - began;
	call(WRITE, 1, (unsigned)results, sizeof results, 0, 0);
	check(0, 0);
}

asm(".globl _start\n"
    "_start:\n"
    "	mov %esp, %eax\n"
    "	and $-16, %esp\n"
    "	lea 4(%eax), %ecx\n"
    "	sub $8, %esp\n"
    "	push %ecx\n"
    "	push (%eax)\n"
    "	call start\n");
