/*
 * Talking to a Guest from a test: wait for what it prints, answer, and look at what came in between.
 */
import type { GuestVm } from '../vm/guest-vm.js';

/** A conversation with a Guest's console. It is the console's one reader. */
export interface ConsoleScript {
  /** Everything printed so far. */
  readonly transcript: string;
  /**
   * Wait until the Guest has printed this since the last wait; returns what it printed, up to and with it.
   * @throws Error when the Guest ends first; the message has the end of the transcript.
   */
  waitFor(text: string | RegExp): Promise<string>;
  /** Type a line, with a newline after it. */
  line(text: string): void;
  /** Wait for a prompt, type a line, wait for the next prompt: returns what was printed in between. */
  command(text: string, prompt: string | RegExp): Promise<string>;
}

const TAIL = 2000;

/** Begin a conversation. */
export function scriptedConsole(vm: GuestVm): ConsoleScript {
  let transcript = '';
  let from = 0;
  let ended = false;
  let news: (() => void) | undefined;
  void (async () => {
    for await (const text of vm.console.text()) {
      transcript += text;
      news?.();
    }
    ended = true;
    news?.();
  })();

  function find(text: string | RegExp): number | undefined {
    if (typeof text === 'string') {
      const at = transcript.indexOf(text, from);
      return at < 0 ? undefined : at + text.length;
    }
    const match = text.exec(transcript.slice(from));
    return match === null ? undefined : from + match.index + match[0].length;
  }

  const script: ConsoleScript = {
    get transcript() { return transcript; },
    waitFor: async (text) => {
      for (;;) {
        const end = find(text);
        if (end !== undefined) {
          const piece = transcript.slice(from, end);
          from = end;
          return piece;
        }
        if (ended) {
          const { reason, message } = await vm.exit;
          throw new Error(`the Guest ended (${reason}: ${message}) before it printed ${String(text)}; its last words:\n${transcript.slice(-TAIL)}`);
        }
        await new Promise<void>((resolve) => { news = resolve; });
      }
    },
    line: (text) => { void vm.console.write(`${text}\n`); },
    command: async (text, prompt) => {
      script.line(text);
      return script.waitFor(prompt);
    },
  };
  return script;
}
