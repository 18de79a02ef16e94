/*
 * Build time: put the finished kernel into the package.
 *
 * Assembling takes most of a second and needs an assembler; the bytes are a few tens of kilobytes. So the bundler, when
 * it comes to image.ts, gets a module that holds them instead, and the published package depends on nothing.
 */
import { assembleKernel } from './kernel.js';

/** The part of an esbuild plugin's build object that is used here. */
interface PluginBuild {
  onLoad(options: { filter: RegExp }, callback: () => { contents: string; loader: 'js' }): void;
}

const imageModule = /[\\/]src[\\/]image\.ts$/;

/** An esbuild plugin that replaces image.ts by the kernel's bytes. */
export const embedKernel = {
  name: 'embed-kernel',
  setup(build: PluginBuild): void {
    build.onLoad({ filter: imageModule }, () => {
      let binary = '';
      for (const byte of assembleKernel().elf) binary += String.fromCharCode(byte);
      const contents = `const text = ${JSON.stringify(btoa(binary))};
export function kernelImage() {
  // browsers have no Buffer; where there is one, it is quicker at start-up
  if (globalThis.Buffer !== undefined) return new Uint8Array(globalThis.Buffer.from(text, 'base64'));
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}
`;
      return { contents, loader: 'js' };
    });
  },
};
