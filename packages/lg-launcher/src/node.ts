/*
 * @lguest/lg-launcher/node: files as disks, terminals, precise sleep, regions as text. Re-exports only.
 */
export { fileDisk, type FileDiskMode } from './node/file-disk.js';
export { readWholeFile } from './node/files.js';
export { type RegionFormatter, regionFormatter } from './profile/region-text.js';
export { KEY_HELP, type KeyActions, keyFilter } from './node/keys.js';
export { FATAL_SIGNALS, type ProcessEvents, rawTerminal, type TerminalInput, watchSignals } from './node/terminal.js';
