/*
 * @lguest/lg-host: the Host half of lguest. Re-exports only. Constants and layouts are in @lguest/lg-host/abi.
 */
export { DEFAULT_SLICE, Lguest, type HostExit, type LguestOptions } from './lguest.js';
export { DEFAULT_HOST_PAGES, machineFor, MIN_HOST_PAGES, type LguestMachineOptions } from './machine.js';
export type { NotifyHandler } from './guest.js';
export { EXIT_PRICE, TICKS_PER_LOOK } from './run-loop.js';
export { HostCounters, vectorName, type HostStatistics } from './counters.js';
export { LguestError, type LguestErrorCode } from './error.js';
export { MIN_CLOCKEVENT_NS } from './clock.js';
export { firstKinds, traceKind } from './trace-kinds.js';
export { formatTraceEvent, type TraceEvent, type TraceListener } from './trace.js';
export type {
  ExitEvent, FillEvent, HypercallEvent, InterruptEvent, KillEvent, PortEvent, RaiseEvent, ReflectEvent,
} from './trace.js';
