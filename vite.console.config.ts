import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

/** The console: src/console -> dist/console. The server puts a nonce where `CSP_NONCE` stands, new for every answer. */
export default defineConfig({
  root: 'src/console',
  base: '/',
  plugins: [react()],
  html: { cspNonce: 'CSP_NONCE' },
  build: {
    outDir: '../../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    // An asset inlined as data: would need a wider policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    chunkSizeWarningLimit: 1_000,
  },
  server: { proxy: { '/graphql': { target: 'http://127.0.0.1:4000', ws: true }, '/api': 'http://127.0.0.1:4000' } },
})
