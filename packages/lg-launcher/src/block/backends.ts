/*
 * Disks made of memory, and disks that only pretend to be written.
 */
import type { BlockBackend } from '../virtio/block.js';

/** A disk in memory. `bytes` is used in place. */
export function memoryBlock(bytes: Uint8Array, { readOnly = false, name = 'memory' } = {}): BlockBackend {
  return {
    name, readOnly, bytes: bytes.length,
    read: (into, offset) => into.set(bytes.subarray(offset, offset + into.length)),
    write: (data, offset) => bytes.set(data, offset),
    flush: () => undefined,
    close: () => undefined,
  };
}

const clusterBytes = 65536;

/** A disk whose writes are kept in memory, and forgotten with it; the one below is only read. */
export function overlayBlock(base: BlockBackend): BlockBackend {
  const clusters = new Map<number, Uint8Array>();

  /** The written copy of a cluster, made on demand. */
  function own(index: number): Uint8Array {
    let cluster = clusters.get(index);
    if (!cluster) {
      cluster = new Uint8Array(Math.min(clusterBytes, base.bytes - index * clusterBytes));
      base.read(cluster, index * clusterBytes);
      clusters.set(index, cluster);
    }
    return cluster;
  }

  /** Call `visit` for each cluster's share of a range: cluster index, offset in it, offset in the range, length. */
  function split(offset: number, length: number, visit: (index: number, within: number, at: number, part: number) => void): void {
    for (let at = 0; at < length;) {
      const index = Math.floor((offset + at) / clusterBytes);
      const within = offset + at - index * clusterBytes;
      const part = Math.min(clusterBytes - within, length - at);
      visit(index, within, at, part);
      at += part;
    }
  }

  return {
    name: `${base.name} (overlay)`, readOnly: false, bytes: base.bytes,
    read: (into, offset) => split(offset, into.length, (index, within, at, part) => {
      const cluster = clusters.get(index);
      if (cluster) into.set(cluster.subarray(within, within + part), at);
      else base.read(into.subarray(at, at + part), offset + at);
    }),
    write: (data, offset) => split(offset, data.length, (index, within, at, part) =>
      own(index).set(data.subarray(at, at + part), within)),
    flush: () => undefined,
    close: () => {
      clusters.clear();
      base.close();
    },
  };
}
