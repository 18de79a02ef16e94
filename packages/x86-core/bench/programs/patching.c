/* Code that changes itself: an immediate in a loop is patched, the loop runs for a while, and it is patched again. */
unsigned patched(unsigned x, unsigned count);
extern unsigned patched_immediate;

asm(".text\n"
    "	.balign 64\n"
    "patched:\n"
    "	mov 4(%esp), %eax\n"
    "	mov 8(%esp), %ecx\n"
    "1:	lea (%eax,%eax,2), %edx\n"
    "	.byte 0x81, 0xf2\n" /* xor $immediate, %edx */
    "patched_immediate:\n"
    "	.long 0\n"
    "	rol $5, %edx\n"
    "	add %edx, %eax\n"
    "	dec %ecx\n"
    "	jnz 1b\n"
    "	ret\n");

unsigned run(void)
{
	unsigned x = 1;

	for (unsigned i = 0; i < 200; i++) {
		patched_immediate = i * 0x01010101;
		for (unsigned j = 0; j < 8; j++)
			x = patched(x, 100);
	}
	return x;
}
