/*
 * @lguest/lg-host/abi: everything Guest, Host and Launcher must agree on, as numbers. Re-exports only.
 */
export * from './hypercalls.js';
export * from './segments.js';
export * from './lguest-data.js';
export * from './boot-params.js';
export * from './lguest-bus.js';
export * from './virtio.js';
export * from './address-space.js';
