/*
 * The first bytes of every program: a multiboot header (so that other emulators load the same bytes), then an endless
 * loop that works one round and reports its result on a port. The port write is the tick that the benchmark times; the
 * port behind it says that the first round begins.
 */
	.set PORT, 0xbe7c
	.set BEGIN_PORT, PORT + 4
	.set MAGIC, 0x1badb002
	/* addresses below are valid: this is a flat image, no ELF */
	.set FLAGS, 0x10000

	/* CR0: a coprocessor that is there (EM, TS clear) and reports errors as exceptions. CR4: SSE, and its exceptions */
	.set CR0_EM_TS, 0x0c
	.set CR0_MP_NE, 0x22
	.set CR4_OSFXSR_OSXMMEXCPT, 0x600

	.section .start, "ax"
	.globl start
start:	jmp	go
	.balign	4
header:	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)
	.long	header, start, image_end, memory_end, start
	/* behind the header, for native.c, which cannot run what is here: the round itself */
	.long	run

go:	cli
	cld
	mov	$stack_top, %esp
	mov	%cr0, %eax
	and	$~CR0_EM_TS, %eax
	or	$CR0_MP_NE, %eax
	mov	%eax, %cr0
	mov	%cr4, %eax
	or	$CR4_OSFXSR_OSXMMEXCPT, %eax
	mov	%eax, %cr4
	fninit
	mov	$BEGIN_PORT, %edx
	out	%eax, %dx
again:	call	run
	mov	$PORT, %edx
	out	%eax, %dx
	jmp	again

	.bss
	.balign	16
	.skip	0x10000
stack_top:

	.section .note.GNU-stack, "", @progbits
