export { ShadowError, type ShadowErrorCode } from './error.js';
export { FramePool } from './frame-pool.js';
export type { FrameAllocator, FrameMemory, GuestMemory, SwitcherWindow, TlbControl } from './interfaces.js';
export { DEFAULT_DIRECTORIES, type ShadowOptions, ShadowPageTables, type ShadowStatistics } from './shadow.js';
