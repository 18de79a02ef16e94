#include "kernel.h"

#define PAGE_SIZE 4096
#define ENTRIES 1024
#define TABLES 8

/* Page-table entries */
#define PRESENT 1
#define WRITABLE 2
#define USER 4

#define CR0_PG_WP 0x80010000u

/* Descriptors, high words: 4 GiB flat, and a task that is available */
#define FLAT_LOW 0x0000ffffu
#define CODE_0 0x00cf9b00u
#define DATA_0 0x00cf9300u
#define CODE_3 0x00cffb00u
#define DATA_3 0x00cff300u
#define TASK 0x00008900u
#define KERNEL_CODE 0x08
#define KERNEL_DATA 0x10
#define TASK_SELECTOR 0x28

#define INTERRUPT_GATE 0x8e00u
#define RING_3 0x6000u

#define PAGE_FAULT 14
#define SYSTEM_CALL 0x80
#define LEAVE_USER_MODE 0x81
#define VECTORS 0x82

struct descriptor { unsigned low, high; };
struct __attribute__((packed)) table_register { unsigned short limit; const void *base; };

/* of the task-state segment only the stack of ring 0 is used; entry.S sets ESP0 */
struct task { unsigned back, esp0, ss0, rest[23]; } task;
void enter_page_fault(void), enter_system_call(void), leave_user_mode(void);

unsigned faults, error_codes;

static struct descriptor gdt[6], idt[VECTORS];
static unsigned directory[ENTRIES] __attribute__((aligned(PAGE_SIZE)));
static unsigned tables[TABLES * ENTRIES] __attribute__((aligned(PAGE_SIZE)));

static void set_gate(unsigned vector, void (*handler)(void), unsigned ring)
{
	unsigned address = (unsigned)handler;

	idt[vector] = (struct descriptor){ KERNEL_CODE << 16 | (address & 0xffff), (address & 0xffff0000) | INTERRUPT_GATE | ring };
}

static void set_up_segments(void)
{
	unsigned base = (unsigned)&task;
	struct table_register gdtr = { sizeof gdt - 1, gdt };

	gdt[1] = (struct descriptor){ FLAT_LOW, CODE_0 };
	gdt[2] = (struct descriptor){ FLAT_LOW, DATA_0 };
	gdt[3] = (struct descriptor){ FLAT_LOW, CODE_3 };
	gdt[4] = (struct descriptor){ FLAT_LOW, DATA_3 };
	gdt[5] = (struct descriptor){ base << 16 | (sizeof task - 1), (base & 0xff000000) | TASK | (base >> 16 & 0xff) };
	task.ss0 = KERNEL_DATA;
	asm volatile("lgdt %0\n\t"
		     "ljmp %1, $1f\n"
		     "1:	mov %2, %%ds\n\t"
		     "mov %2, %%es\n\t"
		     "mov %2, %%ss\n\t"
		     "ltr %w3"
		     : : "m"(gdtr), "i"(KERNEL_CODE), "r"(KERNEL_DATA), "r"(TASK_SELECTOR) : "memory");
}

static void set_up_interrupts(void)
{
	struct table_register idtr = { sizeof idt - 1, idt };

	set_gate(PAGE_FAULT, enter_page_fault, 0);
	set_gate(SYSTEM_CALL, enter_system_call, RING_3);
	set_gate(LEAVE_USER_MODE, leave_user_mode, RING_3);
	asm volatile("lidt %0" : : "m"(idtr));
}

static unsigned *entry_of(unsigned address)
{
	return tables + address / PAGE_SIZE;
}

static void set_up_paging(void)
{
	for (unsigned i = 0; i < TABLES; i++)
		directory[i] = (unsigned)(tables + i * ENTRIES) | PRESENT | WRITABLE | USER;
	for (unsigned i = 0; i < TABLES * ENTRIES; i++)
		tables[i] = i * PAGE_SIZE | PRESENT | WRITABLE | USER;
	for (unsigned i = 0; i < WINDOW_PAGES; i++)
		*entry_of(WINDOW + i * PAGE_SIZE) &= ~PRESENT;
	asm volatile("mov %0, %%cr3\n\t"
		     "mov %%cr0, %%eax\n\t"
		     "or %1, %%eax\n\t"
		     "mov %%eax, %%cr0"
		     : : "r"(directory), "i"(CR0_PG_WP) : "eax", "memory");
}

void kernel_start(void)
{
	set_up_segments();
	set_up_interrupts();
	set_up_paging();
}

/* Called by entry.S: the page is there from now on, and the one before it no longer. */
void page_fault(struct frame *frame)
{
	static unsigned last = WINDOW + PAGE_SIZE;
	unsigned address;

	asm volatile("mov %%cr2, %0" : "=r"(address));
	*entry_of(address) |= PRESENT;
	*entry_of(last) &= ~PRESENT;
	asm volatile("invlpg (%0)" : : "r"(last) : "memory");
	last = address;
	faults++;
	error_codes += frame->error_code;
}
