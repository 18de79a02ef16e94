/*
 * Keys that are ours, keys that are the Guest's, and a terminal that is always put back.
 */
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { keyFilter } from './keys.js';
import { rawTerminal, watchSignals } from './terminal.js';

function rig() {
  let sent = '';
  let left = 0;
  let helped = 0;
  let now = 0;
  const feed = keyFilter({
    send: (bytes) => { sent += new TextDecoder('latin1').decode(bytes); },
    leave: () => { left++; }, help: () => { helped++; }, now: () => now,
  });
  const type = (text: string) => feed(Uint8Array.from(text, (letter) => letter.charCodeAt(0)));
  return { type, wait: (ms: number) => { now += ms; }, sent: () => sent, left: () => left, helped: () => helped };
}

describe('the key filter', () => {
  it('sends everything else unchanged', () => {
    const keys = rig();
    const all = String.fromCharCode(...Array.from({ length: 256 }, (_, code) => code).filter((code) => code !== 1));
    keys.type(all);
    expect(keys.sent()).toBe(all);
    expect([keys.left(), keys.helped()]).toEqual([0, 0]);
  });

  it.each(['x', 'X'])('leaves at Ctrl-A %s, even when it comes in two pieces', (letter) => {
    const keys = rig();
    keys.type('ls\x01');
    expect(keys.left()).toBe(0);
    keys.type(`${letter}more`);
    expect(keys.left()).toBe(1);
    expect(keys.sent()).toBe('ls');
  });

  it('helps at Ctrl-A h, sends Ctrl-A for two of them, and both keys for any other', () => {
    const keys = rig();
    keys.type('\x01h\x01\x01\x01q');
    expect(keys.helped()).toBe(1);
    expect(keys.sent()).toBe('\x01\x01q');
  });

  it('leaves at three Ctrl-C within a second; the Guest gets them, too', () => {
    const keys = rig();
    keys.type('\x03');
    keys.wait(400);
    keys.type('\x03');
    keys.wait(400);
    keys.type('\x03');
    expect(keys.left()).toBe(1);
    expect(keys.sent()).toBe('\x03\x03\x03');
  });

  it('does not leave when they are slow, or others come between', () => {
    const keys = rig();
    for (let n = 0; n < 6; n++) {
      keys.type('\x03');
      keys.wait(600);
    }
    keys.type('\x03a\x03b\x03c');
    expect(keys.left()).toBe(0);
  });
});

describe('the terminal', () => {
  function terminal() {
    const modes: boolean[] = [];
    return { input: { isTTY: true, setRawMode: (raw: boolean) => { modes.push(raw); } }, modes };
  }

  it('is put back once, by whichever way out comes first', () => {
    for (const way of ['exit', 'uncaughtExceptionMonitor', 'call']) {
      const events = new EventEmitter();
      const { input, modes } = terminal();
      const restore = rawTerminal(input, events);
      expect(modes).toEqual([true]);
      if (way !== 'call') events.emit(way);
      restore();
      restore();
      expect(modes).toEqual([true, false]);
      expect(events.eventNames()).toEqual([]);
    }
  });

  it('is raw again after a stop', () => {
    const events = new EventEmitter();
    const { input, modes } = terminal();
    rawTerminal(input, events);
    events.emit('SIGCONT');
    expect(modes.at(-1)).toBe(true);
  });

  it('is left alone when it is none', () => {
    const events = new EventEmitter();
    rawTerminal({ isTTY: false }, events)();
    expect(events.eventNames()).toEqual([]);
  });

  it('tells signals with the status a shell would show', () => {
    const events = new EventEmitter();
    const seen: unknown[] = [];
    const stop = watchSignals(events, (signal, status) => seen.push([signal, status]));
    events.emit('SIGTERM');
    events.emit('SIGINT');
    stop();
    events.emit('SIGHUP');
    expect(seen).toEqual([['SIGTERM', 143], ['SIGINT', 130]]);
    expect(events.eventNames()).toEqual([]);
  });
});
