import { defineConfig } from "@playwright/test";

// Debian's Chromium, and never one that is downloaded. As root it needs `--no-sandbox`.
export default defineConfig({
  testDir: "e2e",
  outputDir: process.env.OUTFLOW_E2E_OUT ?? "../target/e2e",
  workers: 2,
  fullyParallel: true,
  timeout: 120_000,
  expect: { timeout: 30_000 },
  reporter: [["list"]],
  use: {
    viewport: { width: 1280, height: 900 },
    locale: "en-GB",
    timezoneId: "Europe/Berlin",
    actionTimeout: 15_000,
    trace: "retain-on-failure",
    launchOptions: {
      executablePath: "/usr/bin/chromium",
      args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
    },
  },
});
