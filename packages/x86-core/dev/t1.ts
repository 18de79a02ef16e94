import { Machine, Access, ExitReason, Register } from '@lguest/x86-core';
import { AssemblyState } from '@defasm/core';
function flat(m: Machine) {
  const a = Access.present|Access.notSystem|Access.writable|Access.big|Access.granular|Access.accessed;
  for (const r of [0,2,3,4,5]) m.cpu.setSegment(r,{selector:0x10,base:0,limit:0xffffffff,access:a});
  m.cpu.setSegment(1,{selector:0x08,base:0,limit:0xffffffff,access:a|Access.code});
  m.cpu.cr0 = 0x11;
}
const src = `
mov $0, %eax
mov $100000000, %ecx
loop:
add %ecx, %eax
xor $0x55, %eax
mov %eax, 0x2000
add 0x2000, %eax
dec %ecx
jnz loop
hlt
`;
const st = new AssemblyState({bitness:32} as any); st.compile(src, {haltOnError:true} as any);
const code = st.head.dump();
for (const engine of ['reference','interpreter'] as const) {
  const m = new Machine({physicalBytes: 1<<20, engine});
  flat(m);
  m.physical.write(0x1000, code); m.cpu.eip = 0x1000; m.cpu.regs[Register.esp]=0x8000;
  const budget = engine==='reference'? 3_000_000: 300_000_000;
  let t = performance.now(); let e; let done=0;
  while (done<budget) { e = m.cpu.run(100000); if (e.reason!==1) break; done+=100000; }
  t = performance.now()-t;
  console.log(engine, e, m.cpu.retired, (m.cpu.retired/t/1000).toFixed(1),'MIPS', [...m.cpu.regs], m.cpu.eip.toString(16), m.cpu.statistics);
}
