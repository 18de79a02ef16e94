/* System calls: int 0x80 in ring 3, a table of calls in ring 0, and iret. */
#include "kernel/kernel.h"

enum { GET_ID, ADD, WRITE };

static unsigned char written[64];

static unsigned get_id(struct frame *frame)
{
	return 42;
}

static unsigned add(struct frame *frame)
{
	return frame->ebx + frame->ecx;
}

static unsigned write_bytes(struct frame *frame)
{
	const unsigned char *from = (const unsigned char *)frame->ecx;

	for (unsigned i = 0; i < frame->edx && i < sizeof written; i++)
		written[i] = from[i];
	return frame->edx;
}

unsigned (*const system_calls[])(struct frame *) = { get_id, add, write_bytes };

static inline unsigned call(unsigned number, unsigned a, unsigned b, unsigned c)
{
	unsigned result;

	asm volatile("int $0x80" : "=a"(result) : "a"(number), "b"(a), "c"(b), "d"(c) : "memory");
	return result;
}

static unsigned user(void)
{
	static const char text[] = "hello, world";
	unsigned sum = 0;

	for (unsigned i = 0; i < 3000; i++) {
		sum += call(GET_ID, 0, 0, 0);
		sum = call(ADD, sum, i, 0);
		sum += call(WRITE, 1, (unsigned)text, sizeof text);
	}
	return sum + written[5];
}

unsigned run(void)
{
	static int started;

	if (!started) {
		started = 1;
		kernel_start();
	}
	return in_user_mode(user);
}
