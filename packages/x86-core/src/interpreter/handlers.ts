/*
 * What the generated interpreter and the rest of the engine agree on: handlers that are no instructions, why the
 * generated function comes back, and a few measures of regions.
 */

/** Handlers that are no instructions. */
export const Handler = {
  /** Execute the instruction by the reference engine. */
  step: 0,
  /** End of what was decoded here: look up the address pageBase + offset. */
  link: 1,
  /** End of a budget: leave with EIP = pageBase + offset. */
  stop: 2,
  /** The next instruction crosses into the following page: go on only if that is (still) the page it was decoded with. */
  check: 3,
  /** A region begins here: call its function. */
  region: 4,
  first: 5,
} as const;

/** Why the generated function came back. */
export const Status = {
  /** State.eip has no record yet (or is not mapped). */
  lookup: 0,
  /** The run at Local.record needs more than the budget that is left; State.eip is its first instruction. */
  budget: 1,
  /** The reference engine executed an instruction after which the world may be another. */
  unwind: 2,
  /** Regions leave for State.eip often, and there is none. */
  hot: 3,
  /** A room came to a record that is another one's (State.nextRecord, nextPageBase); the engine never sees this. */
  elsewhere: 4,
} as const;

/** How deep regions may call each other. */
export const deepestCalls = 64;
/** Bytes of an entry of Layout.regionRecords, as a shift. */
export const regionRecordShift = 6;
/** How many exits from regions it takes to be worth a look. A power of two. */
export const exitsPerLook = 128;
