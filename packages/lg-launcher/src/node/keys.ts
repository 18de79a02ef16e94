/*L:440
 * Every key belongs to the Guest. But a user must have a way out, also out of a Guest that listens to nobody.
 *
 * There are two. lguest's own Launcher left at three Ctrl-C within a second; so do we. And as in other machine monitors
 * Ctrl-A is ours: Ctrl-A x leaves, Ctrl-A h helps, Ctrl-A Ctrl-A is one Ctrl-A for the Guest.
 */

const CTRL_A = 0x01;
const CTRL_C = 0x03;
/** So many Ctrl-C, within so many milliseconds. */
const CTRL_C_COUNT = 3;
const CTRL_C_MILLISECONDS = 1000;

/** What a key filter does with what it finds. */
export interface KeyActions {
  /** For the Guest. */
  send(bytes: Uint8Array): void;
  leave(): void;
  help(): void;
  /** Milliseconds. */
  now(): number;
}

/** What Ctrl-A h prints. */
export const KEY_HELP = `
Ctrl-A x       leave: end the Guest at once
Ctrl-A h       this help
Ctrl-A Ctrl-A  send Ctrl-A to the Guest
Ctrl-C three times within a second leaves, too
`;

/** Returns a function to feed with what was typed. */
export function keyFilter(actions: KeyActions): (bytes: Uint8Array) => void {
  let afterCtrlA = false;
  let ctrlCs: number[] = [];

  return (bytes) => {
    const rest: number[] = [];
    const flush = (): void => {
      if (rest.length > 0) actions.send(Uint8Array.from(rest.splice(0)));
    };
    for (const byte of bytes) {
      if (afterCtrlA) {
        afterCtrlA = false;
        if (byte === CTRL_A) rest.push(byte);
        else if (isLetter(byte, 'x')) {
          flush();
          actions.leave();
          return;
        } else if (isLetter(byte, 'h') || byte === '?'.charCodeAt(0)) actions.help();
        else rest.push(CTRL_A, byte); // not for us after all
        continue;
      }
      if (byte === CTRL_A) {
        afterCtrlA = true;
        continue;
      }
      rest.push(byte);
      if (byte !== CTRL_C) {
        ctrlCs = [];
        continue;
      }
      const now = actions.now();
      ctrlCs = [...ctrlCs.filter((time) => now - time <= CTRL_C_MILLISECONDS), now];
      if (ctrlCs.length >= CTRL_C_COUNT) {
        flush();
        actions.leave();
        return;
      }
    }
    flush();
  };
}

function isLetter(byte: number, letter: string): boolean {
  return String.fromCharCode(byte).toLowerCase() === letter;
}
