/*
 * The border of the kernel: where ring 3, and exceptions of either ring, come in and go out again. The kernel's data
 * segments are loaded on the way, as kernels do.
 */
	.set KERNEL_DATA, 0x10
	.set USER_CODE, 0x18 + 3
	.set USER_DATA, 0x20 + 3
	.set EFLAGS, 2
	.set ESP0, 4
	/* in struct frame */
	.set FRAME_EAX, 24
	/* EIP, CS, EFLAGS, ESP and SS, as an interrupt from ring 3 pushes them */
	.set INTERRUPT_FRAME, 20

	.macro save
	push	%es
	push	%ds
	push	%eax
	push	%ebp
	push	%edi
	push	%esi
	push	%edx
	push	%ecx
	push	%ebx
	mov	$KERNEL_DATA, %edx
	mov	%edx, %ds
	mov	%edx, %es
	.endm

	.macro restore_and_return
	pop	%ebx
	pop	%ecx
	pop	%edx
	pop	%esi
	pop	%edi
	pop	%ebp
	pop	%eax
	pop	%ds
	pop	%es
	add	$4, %esp /* the error code */
	iret
	.endm

	.text
	.globl enter_page_fault, enter_system_call, leave_user_mode, in_user_mode

enter_page_fault:
	save
	push	%esp
	call	page_fault
	pop	%eax
	restore_and_return

enter_system_call:
	push	$0 /* where an error code would be */
	save
	push	%esp
	call	*system_calls(,%eax,4)
	pop	%edx
	mov	%eax, FRAME_EAX(%esp)
	restore_and_return

/* unsigned in_user_mode(unsigned (*function)(void)); its frame stays on the stack until leave_user_mode takes it */
in_user_mode:
	mov	4(%esp), %ecx
	push	%ebp
	push	%edi
	push	%esi
	push	%ebx
	mov	%esp, task + ESP0
	mov	$USER_DATA, %eax
	mov	%eax, %ds
	mov	%eax, %es
	push	%eax
	push	$user_stack_top
	push	$EFLAGS
	push	$USER_CODE
	push	$1f
	iret
1:	call	*%ecx
	int	$0x81

leave_user_mode:
	add	$INTERRUPT_FRAME, %esp
	mov	$KERNEL_DATA, %edx
	mov	%edx, %ds
	mov	%edx, %es
	pop	%ebx
	pop	%esi
	pop	%edi
	pop	%ebp
	ret

	.bss
	.balign	16
	.skip	0x4000
user_stack_top:

	.section .note.GNU-stack, "", @progbits
