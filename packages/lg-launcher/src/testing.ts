/*
 * @lguest/lg-launcher/testing: helpers for tests of Guests and devices. Re-exports only.
 */
export { MockDriver, type MockDriverOptions, type Piece, testMemory, type TestMemory, type UsedBuffer } from './testing/mock-driver.js';
export { type ConsoleScript, scriptedConsole } from './testing/script.js';
export {
  collapse, compareShapes, formatComparison, readRecording, type RecordedEvent, type Run, type ShapeComparison,
} from './testing/trace-shape.js';
