/*
 * Where processors differ.
 *
 * The manual leaves results open. Processors compute something there all the same, and some programs have come to depend on
 * it. Nor does it always say in which order an instruction does its work, which shows when it faults half way. Where the
 * processors of the last decades agree, so do we. Where the two large makers differ, the machine's owner chooses; for
 * common instructions the choice is made while they are decoded into code, not while they run.
 *
 *                         intel                              amd
 *   MUL, IMUL             SF PF by the low half, ZF AF 0     SF ZF AF PF kept
 *   DIV, IDIV             all kept                           CF OF kept, AF 1, SF ZF PF 0
 *   shifts, SHLD, SHRD    AF 0                               AF 1
 *   shifts and rotates,   OF as their first step by one      OF as their last step by one
 *    SHLD, SHRD by more    leaves it
 *   ROL, ROR of registers OF kept                            OF as their last step
 *    by immediates but 1
 *   SHLD r16 by 16        OF as ever                         OF = CF
 *   SHLD r16 by 17 to 31  filled from the destination again  filled from the source again, CF OF 0
 *   SHRD r16 by 17 to 31  filled from the destination again  filled from the source again, CF 0
 *   RCL, RCR full circle  OF kept                            OF as ever
 *   DAA, DAS              OF 0                               OF of the 8-bit addition
 *   AAA, AAS              OF SF 0, ZF PF by AL               OF SF ZF PF of AX ± 0106h, before AL is cut to a digit
 *   REP CMPS, REP SCAS    flags of the element that ends it  flags of each element: seen when a later one faults
 *   CMPS, no operand      the destination is reported        the source
 *   PUSH sreg, POP sreg,  2 bytes of the selector's place    all of it
 *    far RET               are written or read
 *   BOUND below the lower #BR without a look at the upper    both are read first
 *   CALL out of bounds    the return address is in memory    nothing is
 *   PUSHA, POPA           what came before a fault is done   nothing is
 *   x87 stores            the address does not matter when   it is looked at all the same
 *                          an unmasked exception prevents it
 *   FSTP m80, FBSTP       8 bytes are written before the     nothing is written before a fault
 *                          other two are looked at
 *   MMX stores            TOP is 0 when they fault           TOP is as before
 *   FXSAVE, FXRSTOR       #AC before #GP, by multiples of 4  #GP alone (not measured)
 *
 * Both: logic clears AF; bit tests keep all but CF; BSF and BSR keep a destination for which there is no bit, clear CF OF
 * AF SF, and have PF by the bit's number, 1 for none; AAD has CF OF AF of the 8-bit addition; BSWAP makes a 16-bit
 * register 0.
 */

/** Whose results where processors differ: those measured on Intel's Sapphire Rapids (family 6), or on AMD's Zen 5 (family 26). */
export type UndefinedResults = 'intel' | 'amd';
