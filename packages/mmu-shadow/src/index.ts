export { Entry, FaultCode } from './entries.js';
export { MmuShadowError, type MmuShadowErrorCode } from './error.js';
export { FramePool, type FramePoolOptions } from './frame-pool.js';
export type {
  FrameAllocator, FrameMemory, GuestMemory, Replacement, ShadowOptions, SwitcherWindow, TlbControl,
} from './interfaces.js';
export { DEFAULT_DIRECTORIES, MINIMUM_FRAMES } from './options.js';
export { ShadowPageTables } from './shadow-page-tables.js';
export type { ShadowStats } from './stats.js';
