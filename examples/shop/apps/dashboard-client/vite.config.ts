import { defineConfig } from "vite";

export default defineConfig({
  root: "web",
  base: "/dashboard/",
  build: { outDir: "../dist/public", emptyOutDir: true, assetsInlineLimit: 0, modulePreload: { polyfill: false } },
});
