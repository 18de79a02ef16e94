export type { DeviceRange, PortBus } from './bus.js';
export { Cpu, type EngineName, type EngineStatistics, type SegmentCache } from './cpu.js';
export { type CpuidLeaf, cpuidModel, type CpuidModel, cpuidModels, ExtendedFeature, Feature } from './cpuid.js';
export { X86Error, type X86ErrorCode } from './error.js';
export { type Exit, ExitReason } from './exit.js';
export { PageFault, pushesErrorCode, Vector } from './fault.js';
export { Machine, type MachineOptions, PhysicalMemory } from './machine.js';
export { Access, Cr0, Cr4, Eflags, Register, SegmentRegister } from './state.js';
export type { UndefinedResults } from './undefined-results.js';
