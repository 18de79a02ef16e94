/*
 * printf, for programs: one write per call.
 */
import { source } from '../language/b.js';

/** printf(format, …). */
export const output = source('output')`
bytes outputBuffer[512];
var outputLength;

function outputFlush() {
  if (outputLength != 0) systemCall(SYS_write, outputBuffer, outputLength, 0);
  outputLength = 0;
}

function outputPut(c) {
  store8(outputBuffer + outputLength, c);
  outputLength++;
  if (outputLength == 512) outputFlush();
}

function printf(format, ...) {
  formatTo(outputPut, format, arguments() + 4);
  outputFlush();
}
`;
