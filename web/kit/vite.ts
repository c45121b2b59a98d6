import tailwind from "@tailwindcss/vite";
import react from "@vitejs/plugin-react";
import type { UserConfig } from "vite";

/**
 * The build that every package of pages shares.
 *
 * @param base where the pages are served, such as `/apps/privategpt/`
 * @param outDir where the built files go: into the Python package whose wheel carries them
 */
export function pages(base: string, outDir: string): UserConfig {
  return {
    base,
    plugins: [react(), tailwind()],
    build: {
      outDir,
      emptyOutDir: true,
      // A file in the stylesheet would be a `data:` address, which the pages' policy refuses.
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
    },
    server: { proxy: { "^/(?!apps/|console/|@|src/|node_modules/)": "http://127.0.0.1:8000" } },
  };
}
