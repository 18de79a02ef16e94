/*
 * Which regions stay when there is no room for all.
 *
 * Where slices of execution end, some region is at work more often than not: that is counted, and counts for half as much
 * after each eviction. What stays is whole modules, for a host keeps or loses them as a whole: those whose regions have been
 * used most for their bytes. Regions that have gone leave bytes behind, so modules with many of these are among the first to go.
 */

/** A module that regions share, and its size in bytes; and those, if somebody wants to see them. */
export interface SharedModule {
  readonly module: WebAssembly.Module;
  readonly size: number;
  readonly bytes: Uint8Array | undefined;
}

/** A region as far as this goes: its module, and how often it was seen at work. */
export interface Used {
  readonly shared: SharedModule;
  readonly uses: number;
}

/** The modules of regions, each once. */
export function modulesOf(regions: Iterable<Used>): Set<SharedModule> {
  return new Set(Array.from(regions, ({ shared }) => shared));
}

/** Bytes of modules. */
export function sizeOf(modules: Iterable<SharedModule>): number {
  return Array.from(modules, ({ size }) => size).reduce((sum, size) => sum + size, 0);
}

/** The modules to be kept: such that they have `most` bytes together at most. */
export function mostUsed(regions: readonly Used[], most: number): Set<SharedModule> {
  const uses = new Map<SharedModule, number>();
  for (const region of regions) uses.set(region.shared, (uses.get(region.shared) ?? 0) + region.uses);
  const kept = new Set<SharedModule>();
  let bytes = 0;
  for (const [shared] of [...uses].sort(([a, usesOfA], [b, usesOfB]) => usesOfB / b.size - usesOfA / a.size)) {
    if (bytes + shared.size > most) continue;
    bytes += shared.size;
    kept.add(shared);
  }
  return kept;
}
