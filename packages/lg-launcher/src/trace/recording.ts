/*L:400
 * A recording of everything that happens between a Guest and its Host, one line for each exit, hypercall and interrupt,
 * in the words of recordings people made of lguest in Linux. Where two kernels are said to behave alike, the recordings
 * can be laid side by side.
 *
 *   0.329213 LGT trap 14 err 2 eip 0061:0100003a esp 012bdff8 cr2 012bdff4 eax c25c7000 edx c1309000
 *   0.330760 LGT init ebx 012c8100 eip 012e0b9c
 *   0.331181 LGT hc 4 01244000 00000000 0124401c 00001800 eip 012e0ba8
 *   0.419601 LGT ahc 7 00000069 c343bff8 00000002 00000000 eip c1000b7c
 *   1.070105 LGT irq 2 eip c10006cf
 */
import type { TraceEvent } from '@lguest/lg-host';
import { LGUEST_TRAP_ENTRY, LHCALL_LGUEST_INIT } from '@lguest/lg-host/abi';

const NANOSECONDS_PER_SECOND = 1e9;
const DECIMALS = 6;

/** The line for an event, or undefined for kinds that recordings do not have. `elapsed`: nanoseconds since the start. */
export function recordingLine(event: TraceEvent, elapsed: bigint): string | undefined {
  const text = recordingText(event);
  return text === undefined ? undefined : `${(Number(elapsed) / NANOSECONDS_PER_SECOND).toFixed(DECIMALS)} LGT ${text}`;
}

function recordingText(event: TraceEvent): string | undefined {
  switch (event.type) {
    case 'exit':
      // hypercalls have lines of their own
      if (event.vector === LGUEST_TRAP_ENTRY) return undefined;
      return `trap ${event.vector} err ${event.errorCode.toString(16)} eip ${event.cs.toString(16).padStart(4, '0')}:${word(event.eip)} ` +
        `esp ${word(event.esp)} cr2 ${word(event.cr2)} eax ${word(event.eax)} edx ${word(event.edx)}`;
    case 'hypercall':
      if (event.number === LHCALL_LGUEST_INIT) return `init ebx ${word(event.arguments[0])} eip ${word(event.eip)}`;
      return `${event.async ? 'ahc' : 'hc'} ${event.number} ${event.arguments.map(word).join(' ')} eip ${word(event.eip)}`;
    case 'interrupt':
      return `irq ${event.irq} eip ${word(event.eip)}`;
    default:
      return undefined;
  }
}

function word(value: number): string {
  return (value >>> 0).toString(16).padStart(8, '0');
}
