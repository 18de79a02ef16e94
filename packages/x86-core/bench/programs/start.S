/*
 * The first bytes of every program: a multiboot header (so that other emulators load the same bytes), then an endless
 * loop that works one round and reports its result on a port. The port write is the tick that both benchmarks time.
 */
	.set PORT, 0xbe7c
	.set MAGIC, 0x1badb002
	/* addresses below are valid: this is a flat image, no ELF */
	.set FLAGS, 0x10000

	.section .start, "ax"
	.globl start
start:	jmp	go
	.balign	4
header:	.long	MAGIC, FLAGS, -(MAGIC + FLAGS)
	.long	header, start, image_end, memory_end, start

go:	cli
	cld
	mov	$stack_top, %esp
again:	call	run
	mov	$PORT, %edx
	out	%eax, %dx
	jmp	again

	.bss
	.balign	16
	.skip	0x10000
stack_top:
