import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const api = process.env.API_URL ?? "http://127.0.0.1:8000";

export default defineConfig({
  plugins: [react()],
  build: {
    assetsInlineLimit: 0, // The Content-Security-Policy allows no data: addresses.
    sourcemap: true,
  },
  // The page and the API at one address, as everywhere else.
  server: { host: "127.0.0.1", proxy: { "/api": api } },
  preview: { host: "127.0.0.1", proxy: { "/api": api } },
});
