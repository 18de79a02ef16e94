/*
 * What exceptions of the processor become: the number, code and address a handler is told, what is in its frame, and
 * that the program can go on.
 *
 *   signals handle            each in turn, with a handler
 *   signals die NAME          one, without: the end is the answer
 */
#define _GNU_SOURCE
#include "common.h"
#include <fenv.h>
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf back;
static volatile char *page;
static volatile int zero, minus = -1, smallest = 0x80000000;
static volatile double none = 0, large = 1e300, tiny = 1e-300, negative = -1;
static volatile float small_float = 1e-30f;

static void divide(void) { zero = 7 / zero; }
static void divide_overflow(void) { zero = smallest / minus; }
static void load_nothing(void) { zero = *(volatile char *)16; }
static void store_nothing(void) { *(volatile char *)0x7ff00010 = 1; }
static void store_read_only(void) { page[100] = 1; }
static void load_forbidden(void) { zero = page[4096 + 8]; }
static void jump_nothing(void) { ((void (*)(void))0x7ff00020)(); }
static void illegal(void) { __asm__ volatile("ud2"); }
static void breakpoint(void) { __asm__ volatile("int3"); }
static void overflow_trap(void) { __asm__ volatile("movl $0x7fffffff, %%eax; incl %%eax; into" ::: "eax", "cc"); }
static void bound_trap(void) { static int limits[2] = { 1, 5 }; __asm__ volatile("bound %0, (%1)" :: "r"(9), "r"(limits)); }
static void privileged(void) { __asm__ volatile("hlt"); }
static void port(void) { __asm__ volatile("inb $0x80, %%al" ::: "eax"); }
static void bad_selector(void) { __asm__ volatile("movw %w0, %%fs" :: "r"(0x1b)); }
static void unaligned(void)
{
    static int words[2];
    __asm__ volatile("pushfl; orl $0x40000, (%%esp); popfl; movl 1(%0), %%eax; pushfl; andl $~0x40000, (%%esp); popfl" :: "r"(words) : "eax", "cc");
}
static void step(void) { __asm__ volatile("pushfl; orl $0x100, (%%esp); popfl; nop; nop" ::: "cc"); }
static void float_divide(void) { feenableexcept(FE_DIVBYZERO); none = 1 / none; none = 0; }
static void float_invalid(void) { feenableexcept(FE_INVALID); none = none / none; none = 0; }
static void float_overflow(void) { feenableexcept(FE_OVERFLOW); none = large * large; none = 0; }
static void float_underflow(void) { feenableexcept(FE_UNDERFLOW); none = tiny * tiny; none = 0; }
static void float_inexact(void) { feenableexcept(FE_INEXACT); none = 1 / 3.0L; none = large / 3; none = 0; }
static void float_convert(void) { feenableexcept(FE_INVALID); zero = (int)large; zero = 0; }
static void float_narrow(void) { feenableexcept(FE_UNDERFLOW | FE_INEXACT); small_float = small_float * small_float; }

static const struct { const char *name; void (*run)(void); } all[] = {
    { "divide", divide }, { "divide-overflow", divide_overflow }, { "load-nothing", load_nothing }, { "store-nothing", store_nothing },
    { "store-read-only", store_read_only }, { "load-forbidden", load_forbidden }, { "jump-nothing", jump_nothing }, { "illegal", illegal },
    { "breakpoint", breakpoint }, { "overflow", overflow_trap }, { "bound", bound_trap }, { "privileged", privileged }, { "port", port },
    { "selector", bad_selector }, { "unaligned", unaligned }, { "step", step }, { "float-divide", float_divide }, { "float-invalid", float_invalid },
    { "float-overflow", float_overflow }, { "float-underflow", float_underflow }, { "float-inexact", float_inexact }, { "float-convert", float_convert },
    { "float-narrow", float_narrow }, { "abort", abort },
};

static void handler(int number, siginfo_t *info, void *context)
{
    __asm__ volatile("pushfl; andl $~0x40000, (%%esp); popfl" ::: "cc"); /* the kernel leaves AC as it was */
    const ucontext_t *c = context;
    const greg_t *r = c->uc_mcontext.gregs;
    long address = (long)info->si_addr;
    /* addresses inside the program are told by whether they are the instruction's */
    if (number != SIGABRT)
        printf("signal %d code %d at %s trap %d error %d flags %x\n", number, info->si_code,
               address == r[REG_EIP] ? "eip" : address == (long)page + 100 ? "page" : address == (long)page + 4104 ? "next" : address < 4096 && address >= 0 ? "low" : "elsewhere",
               r[REG_TRAPNO], r[REG_ERR], r[REG_EFL] & 0x500);
    else printf("signal %d code %d\n", number, info->si_code);
    siglongjmp(back, 1);
}

static volatile int calls;
static void plain_handler(int number) { calls += number; }
static void nested_handler(int number)
{
    calls += 100 * number;
    if (calls < 10000) raise(SIGUSR2);
    double x = calls;
    calls = (int)(x * 1.0);
}

/* Handlers that return: everything goes on as before, the x87 stack included. */
static void returning(void)
{
    struct sigaction plain = { .sa_handler = plain_handler }, nested = { .sa_handler = nested_handler, .sa_flags = SA_ONSTACK };
    static char stack[65536];
    stack_t alternate = { .ss_sp = stack, .ss_size = sizeof stack };
    sigaltstack(&alternate, 0);
    sigaction(SIGUSR1, &plain, 0);
    sigaction(SIGUSR2, &nested, 0);
    long double sum = 0;
    for (int i = 1; i < 20; i++) {
        long double x = 1.0L / i;
        raise(i & 1 ? SIGUSR1 : SIGUSR2);
        sum += x;
    }
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, 0);
    int before = calls;
    raise(SIGUSR1);
    raise(SIGUSR1);
    printf("calls %d, blocked %d", calls, calls - before);
    sigprocmask(SIG_UNBLOCK, &set, 0);
    printf(", then %d, sum", calls - before);
    show_long_double(sum);
    puts("");
}

int main(int count, char **words)
{
    page = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect((void *)page, 4096, PROT_READ);
    mprotect((void *)(page + 4096), 4096, PROT_NONE);
    int handled = count > 1 && !strcmp(words[1], "handle");
    struct sigaction action = { .sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_NODEFER };
    const int numbers[] = { SIGFPE, SIGSEGV, SIGILL, SIGBUS, SIGTRAP, SIGABRT };
    for (int i = 0; handled && i < 6; i++) sigaction(numbers[i], &action, 0);
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        if (!handled && (count < 3 || strcmp(words[2], all[i].name))) continue;
        printf("%s: ", all[i].name);
        fflush(stdout);
        if (!sigsetjmp(back, 1)) {
            all[i].run();
            printf("nothing, flags %x\n", fetestexcept(FE_ALL_EXCEPT));
        }
        fedisableexcept(FE_ALL_EXCEPT);
        feclearexcept(FE_ALL_EXCEPT);
        zero = 0;
        none = 0;
        __asm__ volatile("pushfl; andl $~0x40100, (%%esp); popfl" ::: "cc");
    }
    if (handled) returning();
    return 7;
}
