/*
 * Preloaded into a process by start.ts: says on standard error when generated code of an interpreter is called first,
 * which is when the Guest's first instruction is executed. Milliseconds since the epoch.
 */
const { Instance } = WebAssembly;

WebAssembly.Instance = new Proxy(Instance, {
  construct(target, parameters) {
    const instance = Reflect.construct(target, parameters) as WebAssembly.Instance;
    const { run } = instance.exports;
    if (typeof run !== 'function') return instance;
    let called = false;
    const first = (...values: unknown[]): unknown => {
      if (!called) process.stderr.write(`first ${performance.timeOrigin + performance.now()}\n`);
      called = true;
      return run(...values);
    };
    return { exports: { ...instance.exports, run: first } };
  },
});
