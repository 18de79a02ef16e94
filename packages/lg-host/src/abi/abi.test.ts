import { describe, expect, it } from 'vitest';
import * as abi from './index.js';

describe('struct lguest_data', () => {
  it('lies as the interface table says', () => {
    const view = new DataView(new ArrayBuffer(abi.LGUEST_DATA_BYTES + 16));
    const data = new abi.LguestData(abi.memoryOver(view), 16);
    data.irqEnabled = 1; data.blockedInterrupts = 2; data.cr2 = 3; data.setTime(4, 5); data.irqPending = 6;
    data.setHcallStatus(63, 0x77); data.setHcallArgument(0, 0, 7); data.setHcallArgument(63, 4, 8);
    data.reserveMem = 9; data.tscKhz = 10; data.noirqStart = 11; data.noirqEnd = 12; data.kernelAddress = 0xc000_0000; data.syscallVec = 14;
    const at = (offset: number) => view.getUint32(16 + offset, true);
    expect([0, 4, 8, 12, 16, 20, 88, 1364, 1368, 1372, 1376, 1380, 1384, 1388].map(at))
      .toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0xc000_0000, 14]);
    expect(view.getUint8(16 + 24 + 63)).toBe(0x77);
    expect(data.hcallArgument(63, 4)).toBe(8);
    expect(data.kernelAddress).toBe(0xc000_0000);
  });

  it('tests the interrupt flag alone', () => {
    const data = new abi.LguestData(abi.memoryOver(new DataView(new ArrayBuffer(abi.LGUEST_DATA_BYTES))), 0);
    data.irqEnabled = 0x46;
    expect(data.interruptsOn).toBe(false);
    data.irqEnabled = 0x246;
    expect(data.interruptsOn).toBe(true);
  });
});

describe('the lguest bus', () => {
  it('has the record sizes of real devices', () => {
    // console: two queues, no features, no configuration; block: one queue, two bytes of features, 16 of configuration
    expect(abi.deviceRecordBytes(2, 0, 0)).toBe(21);
    expect(abi.deviceRecordBytes(1, 2, 16)).toBe(5 + 8 + 4 + 16);
    expect([abi.queueOffset(1), abi.offeredFeaturesOffset(1), abi.acceptedFeaturesOffset(1, 2), abi.configOffset(1, 2)])
      .toEqual([13, 13, 15, 17]);
  });

  it('has rings of three pages for 256 descriptors', () => {
    expect(abi.vringLayout(256)).toEqual({ descriptors: 0, available: 0x1000, used: 0x2000, bytes: 0x2000 + 4 + 2048 + 2 });
    expect(abi.vringLayout(4).used).toBe(4096);
  });
});

describe('names and numbers', () => {
  it('agree for every hypercall', () => {
    const constants = abi as unknown as Record<string, unknown>;
    const named = abi.hypercallNames.flatMap((name, number) => (name === undefined ? [] : [[`LHCALL_${name}`, number]]));
    expect(named).toHaveLength(17);
    for (const [name, number] of named) expect(constants[name as string]).toBe(number);
    expect(abi.hypercallNames).toHaveLength(abi.LHCALL_END);
  });

  it('are the selectors every Guest expects', () => {
    expect([abi.LGUEST_CS, abi.LGUEST_DS, abi.GUEST_KERNEL_CS, abi.GUEST_KERNEL_DS, abi.GUEST_USER_CS, abi.GUEST_USER_DS])
      .toEqual([0x50, 0x58, 0x61, 0x69, 0x73, 0x7b]);
  });
});
