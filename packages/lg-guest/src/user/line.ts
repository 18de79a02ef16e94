/*
 * Reading a line: echo what is typed, take back what is taken back, end at CR or LF.
 *
 * Characters that come after the end of the line stay with the kernel or in our buffer until the next line is wanted.
 */
import { source } from '../language/b.js';

/** readLine(buffer, most): the length; the text ends in 0. */
export const line = source('line')`
const BACKSPACE = 8;
const DELETE = 127;
const KILL_LINE = 21;    // control-U
const CANCEL = 3;        // control-C
bytes readBuffer[64];
var readNext, readCount, lastWasReturn;

function readCharacter() {
  if (readNext == readCount) {
    readCount = systemCall(SYS_read, readBuffer, 64, 0);
    readNext = 0;
  }
  readNext++;
  return load8(readBuffer + readNext - 1);
}

function eraseCharacter() { printf("\b \b"); }

function readLine(buffer, most) {
  var length = 0;
  while (1) {
    var c = readCharacter();
    var wasReturn = lastWasReturn;
    lastWasReturn = c == '\r';
    if (c == '\n' && wasReturn) continue;     // CR LF is one end
    if (c == '\r' || c == '\n') {
      printf("\n");
      store8(buffer + length, 0);
      return length;
    }
    if (c == CANCEL) {
      printf("^C\n");
      store8(buffer, 0);
      return 0;
    }
    if (c == KILL_LINE) {
      for (length = length; length > 0; length--) eraseCharacter();
    } else if (c == BACKSPACE || c == DELETE) {
      if (length > 0) {
        length--;
        eraseCharacter();
      }
    } else if (c >= ' ' && length + 1 < most) {
      store8(buffer + length, c);
      length++;
      printf("%c", c);
    }
  }
}
`;
