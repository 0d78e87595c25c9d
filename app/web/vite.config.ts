import { defineConfig } from "vite";

// Hashed names and a manifest: the server looks names up there and lets browsers keep the files for ever.
export default defineConfig({
  base: "/static/",
  build: {
    outDir: "dist",
    emptyOutDir: true,
    manifest: "manifest.json",
    target: "es2022",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    rollupOptions: { input: { page: "src/page.ts", editor: "src/editor/index.ts", history: "src/history/index.ts", worker: "src/worker.ts" } },
  },
});
