/*
 * @lguest/lg-launcher/node: files as disks, terminals, and precise sleep. Re-exports only.
 */
export { fileDisk, type FileDiskMode } from './node/file-disk.js';
export { readWholeFile } from './node/files.js';
export { KEY_HELP, type KeyActions, keyFilter } from './node/keys.js';
export { FATAL_SIGNALS, type ProcessEvents, rawTerminal, type TerminalInput, watchSignals } from './node/terminal.js';
