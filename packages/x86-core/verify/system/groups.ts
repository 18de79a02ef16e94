/*
 * All groups of system cases, by the table their recorded examples go to.
 */
import { controlGroups } from './control-cases.js';
import type { SystemGroup } from './draw.js';
import { flagGroups } from './flag-cases.js';
import { interruptGroups } from './interrupt-cases.js';
import { pagingGroups } from './paging-cases.js';
import { segmentGroups } from './segment-cases.js';
import { taskGroups } from './task-cases.js';
import { transferGroups } from './transfer-cases.js';

/** File name → groups. */
export const systemFiles: Readonly<Record<string, readonly SystemGroup[]>> = {
  'system-segments': segmentGroups, 'system-transfers': transferGroups, 'system-interrupts': interruptGroups, 'system-tasks': taskGroups,
  'system-flags': flagGroups, 'system-control': controlGroups, 'system-paging': pagingGroups,
};
