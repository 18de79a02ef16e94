/*
 * What time is measured in. In Node it is the CPU time that the process has used, all threads of it, the host's compilers
 * too: on a quiet machine that is the time on the wall, and on a busy one the neighbours' share is left out. A page
 * has the wall's clock only.
 */
const node = 'process' in globalThis && typeof process.cpuUsage === 'function';

export type ClockName = 'CPU time' | 'wall time';

/** Milliseconds from some beginning. */
export function now(): number {
  if (!node) return performance.now();
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}
