import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

// A file of its own: the build of the product installs no test tools.
export default defineConfig({
  plugins: [react()],
  test: {
    environment: "happy-dom",
    include: ["src/**/*.test.{ts,tsx}"],
    css: { modules: { classNameStrategy: "non-scoped" } },
    restoreMocks: true,
  },
});
