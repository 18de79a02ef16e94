/*
 * Preloaded into a process by start.ts: says on standard error when the Guest executes its first instructions.
 * Milliseconds since the epoch.
 *
 * The host compiles the interpreter's generated code when that is called first. So the call is too early: what counts is
 * when the code itself calls for something for the first time, a page or an instruction that it has no handler for.
 */
const { Instance } = WebAssembly;

let said = false;

function noting(imported: unknown): unknown {
  if (typeof imported !== 'function') return imported;
  return (...values: unknown[]): unknown => {
    if (!said) process.stderr.write(`first ${performance.timeOrigin + performance.now()}\n`);
    said = true;
    return (imported as (...values: unknown[]) => unknown)(...values);
  };
}

WebAssembly.Instance = new Proxy(Instance, {
  construct(target, [module, imports]: [WebAssembly.Module, WebAssembly.Imports | undefined]) {
    const env = imports?.['env'] ?? {};
    const noted = { ...env, step: noting(env['step']), fill: noting(env['fill']) };
    return Reflect.construct(target, [module, { ...imports, env: noted }]) as WebAssembly.Instance;
  },
});
