/*
 * @lguest/lg-guest: re-exports only.
 */
export { buildDemoKernel, demoKernelInfo } from './demo-kernel.js';
