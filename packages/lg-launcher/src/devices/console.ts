/*D:220
 * The console: two queues, one for each direction, and a terminal somewhere behind them.
 *
 * Output is served at once, inside the NOTIFY: Linux's driver kicks us and then spins until its buffer is used. Input is
 * the other way round: the driver leaves empty buffers with us, and we fill them when somebody types. Keys that come
 * when there is no buffer wait in the backend.
 *
 * A Guest needs CONFIG_VIRTIO_CONSOLE (and CONFIG_HVC_DRIVER, which it selects).
 */
import { VirtioConsoleQueue, VirtioId } from '@lguest/lg-host/abi';
import { forEachPiece } from '../bus/scatter.js';
import { type Device, type DeviceOptions, DeviceQueues, BYTES_PER_TURN } from './device.js';

/** The terminal behind a console. */
export interface ConsoleBackend {
  /** The Guest printed these bytes. They are only valid during the call. */
  write(bytes: Uint8Array): void;
  /** Move waiting input into `target`; returns the number of bytes moved. */
  read(target: Uint8Array): number;
  /** Bytes of input waiting. */
  readonly waiting: number;
}

/** A virtio console without features. After new input has arrived in the backend call handleQueue(input). */
export function createConsole({ memory, irq, backend }: DeviceOptions<ConsoleBackend>): Device {
  const queues = new DeviceQueues();
  const statistics = { bytesPrinted: 0, bytesTyped: 0, buffersPrinted: 0 };

  function output(): boolean {
    const queue = queues.at(VirtioConsoleQueue.output);
    let moved = 0;
    let used = false;
    for (let chain = queue?.pop(); chain !== undefined; chain = queue?.pop()) {
      moved += forEachPiece(chain.readable, 0, chain.readableBytes, (address, bytes) => {
        backend.write(memory.bytes.subarray(address, address + bytes));
      });
      statistics.bytesPrinted += chain.readableBytes;
      statistics.buffersPrinted++;
      queue!.push(chain, 0);
      used = true;
      if (moved >= BYTES_PER_TURN) break;
    }
    if (used && queue!.wantsInterrupt) irq(VirtioConsoleQueue.output);
    return queue?.hasAvailable ?? false;
  }

  function input(): boolean {
    const queue = queues.at(VirtioConsoleQueue.input);
    let used = false;
    while (backend.waiting > 0) {
      const chain = queue?.pop();
      if (chain === undefined) break;
      const moved = forEachPiece(chain.writable, 0, Math.min(chain.writableBytes, backend.waiting), (address, bytes) => {
        backend.read(memory.bytes.subarray(address, address + bytes));
        memory.invalidate(address, bytes);
      });
      statistics.bytesTyped += moved;
      queue!.push(chain, moved);
      used = true;
    }
    if (used && queue!.wantsInterrupt) irq(VirtioConsoleQueue.input);
    return false;
  }

  return {
    type: VirtioId.console,
    name: 'console',
    queueCount: 2,
    features: [],
    config: new Uint8Array(0),
    activate: (given) => queues.activate(given),
    handleQueue: (n) => (n === VirtioConsoleQueue.output ? output() : input()),
    reset: () => queues.reset(),
    state: () => queues.state(),
    restore: (state, given) => queues.restore(state, given),
    statistics,
    dispose: () => queues.reset(),
  };
}
