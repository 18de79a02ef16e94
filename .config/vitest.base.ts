import { defineConfig } from 'vitest/config';

const conditions = ['@lguest/source'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions } },
  test: { include: ['src/**/*.test.ts'], testTimeout: 60_000 },
});
