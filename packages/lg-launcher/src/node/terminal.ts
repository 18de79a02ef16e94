/*L:450
 * The user's terminal. While a Guest runs, keys must come to us one by one and unchanged: raw mode. A terminal that is
 * left in raw mode is a nuisance, so whatever happens, on every way out of this process, it is put back.
 */

/** The part of process.stdin this needs. */
export interface TerminalInput {
  readonly isTTY?: boolean | undefined;
  setRawMode?(raw: boolean): unknown;
}

/** The part of `process` this needs. */
export interface ProcessEvents {
  on(event: string, listener: () => void): unknown;
  removeListener(event: string, listener: () => void): unknown;
}

/** Signals that would end the process, and the exit status a shell would report for them. */
export const FATAL_SIGNALS = { SIGHUP: 129, SIGINT: 130, SIGQUIT: 131, SIGTERM: 143 } as const;

/**
 * Put the terminal into raw mode. Returns the function that puts it back, which is also called when the process exits
 * for whatever reason; calling it twice does no harm. Does nothing when the input is not a terminal.
 */
export function rawTerminal(input: TerminalInput, events: ProcessEvents): () => void {
  if (input.isTTY !== true || input.setRawMode === undefined) return () => {};
  let raw = true;
  const restore = (): void => {
    if (!raw) return;
    raw = false;
    events.removeListener('exit', restore);
    events.removeListener('uncaughtExceptionMonitor', restore);
    events.removeListener('SIGCONT', again);
    input.setRawMode!(false);
  };
  // a shell that had the terminal meanwhile has changed its mode
  const again = (): void => {
    input.setRawMode!(false);
    input.setRawMode!(true);
  };
  input.setRawMode(true);
  events.on('exit', restore);
  events.on('uncaughtExceptionMonitor', restore);
  events.on('SIGCONT', again);
  return restore;
}

/** Call `ended` with the exit status when a signal wants to end the process. Returns the function that ends this. */
export function watchSignals(events: ProcessEvents, ended: (signal: string, status: number) => void): () => void {
  const listeners = Object.entries(FATAL_SIGNALS).map(([signal, status]) => {
    const listener = (): void => ended(signal, status);
    events.on(signal, listener);
    return [signal, listener] as const;
  });
  return () => {
    for (const [signal, listener] of listeners) events.removeListener(signal, listener);
  };
}
