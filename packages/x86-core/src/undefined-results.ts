/*
 * Results that the manual leaves open.
 *
 * Processors compute something there all the same, and some programs have come to depend on it. Where the processors of
 * the last decades agree, so do we. Where the two large makers differ, the machine's owner chooses; the choice is made
 * while instructions are decoded into code, not while they run.
 *
 *                         intel                              amd
 *   MUL, IMUL             SF ZF PF by the low half, AF 0     SF ZF AF PF kept
 *   DIV, IDIV             all kept                           CF OF kept, AF 1, SF ZF PF 0
 *   shifts, SHLD, SHRD    AF 0                               AF 1
 *   SHLD r16 by 16        OF as ever                         OF = CF
 *   SHLD r16 by 17 to 31  filled from the destination again  filled from the source again, CF OF 0
 *   SHRD r16 by 17 to 31  filled from the destination again  filled from the source again, CF 0
 *   RCL, RCR full circle  OF kept                            OF as ever
 *   DAA, DAS              OF 0                               OF of the 8-bit addition
 *   AAA, AAS              OF SF 0, ZF PF by AL               OF SF ZF PF of AX ± 0106h, before AL is cut to a digit
 *   AAD                   CF OF AF 0                         CF OF AF of the 8-bit addition
 *
 * Both: logic clears AF; shifts and rotates have OF as their last step by one would leave it; bit tests keep all but CF;
 * BSF and BSR keep a destination for which there is no bit, clear CF OF AF SF, and have PF by the bit's number, 1 for
 * none; BSWAP makes a 16-bit register 0.
 */

/**
 * Whose undefined results: those published for Intel's Pentium 4 (sandpile.org, "rFLAGS register"; the double shifts
 * beyond 16 bits as other emulators report them of Intel's processors), or those measured on AMD's Zen 5.
 */
export type UndefinedResults = 'intel' | 'amd';
