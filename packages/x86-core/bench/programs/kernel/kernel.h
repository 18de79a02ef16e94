/*
 * Just enough of a kernel to measure what crosses its border: flat segments for rings 0 and 3, paging over the first
 * 32 MiB, a page-fault handler and system calls. kernel.c sets it up, entry.S is its border.
 */

/* What entry.S has pushed, from its last push on. */
struct frame {
	unsigned ebx, ecx, edx, esi, edi, ebp, eax, ds, es;
	unsigned error_code;
	unsigned eip, cs, eflags;
};

/* Pages that are not there until touched, and then only until the next one is. */
#define WINDOW 0x1800000
#define WINDOW_PAGES 64

/* Set up segments, interrupts and paging; once, in ring 0. */
void kernel_start(void);

/* Run a function in ring 3 and come back with what it returns. */
unsigned in_user_mode(unsigned (*function)(void));

/* Page faults handled, and the error codes they had, added up. */
extern unsigned faults, error_codes;

/* What int 0x80 calls, by number in EAX; arguments are in EBX, ECX, EDX. The program has this table. */
extern unsigned (*const system_calls[])(struct frame *);
