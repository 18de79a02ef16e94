/* Data beside code: a loop that counts in a word on its own page, without ever changing an instruction. */
unsigned counted(unsigned x, unsigned count);
extern unsigned counter;

asm(".text\n"
    "	.balign 4096\n"
    "counter:\n"
    "	.long 0\n"
    "	.balign 64\n"
    "counted:\n"
    "	mov 4(%esp), %eax\n"
    "	mov 8(%esp), %ecx\n"
    "1:	lea (%eax,%eax,2), %edx\n"
    "	rol $5, %edx\n"
    "	add %edx, %eax\n"
    "	incl counter\n"
    "	dec %ecx\n"
    "	jnz 1b\n"
    "	ret\n"
    "	.balign 4096\n");

unsigned run(void)
{
	unsigned x = 1;

	counter = 0;
	for (unsigned i = 0; i < 200; i++)
		x = counted(x, 200);
	return x + counter;
}
