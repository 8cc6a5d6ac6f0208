/**
 * Programs that a test starts: the real binary, the Redshift simulator, receivers. They are killed
 * when the test ends, whatever happens.
 */
import { spawn, type ChildProcess } from "node:child_process";
import { createInterface } from "node:readline";
import { resolve } from "node:path";

const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, "../../../target");

/** The binary of this name that cargo has built. */
function binary(name: "outflow" | "outflow-testkit"): string {
  return resolve(process.env.OUTFLOW_E2E_BIN ?? `${target}/debug`, name);
}

export class Program {
  private readonly lines: string[] = [];
  private readonly waiting = new Set<() => void>();
  private ended = false;

  private constructor(private readonly child: ChildProcess) {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface({ input: stream! }).on("line", (line) => {
        this.lines.push(line);
        this.wake();
      });
    }
    child.on("exit", () => {
      this.ended = true;
      this.wake();
    });
  }

  /** Starts it in this folder. Its standard input stays open until it is stopped. */
  static start(
    name: "outflow" | "outflow-testkit",
    args: string[],
    folder: string,
    env: Record<string, string> = {},
  ): Program {
    const child = spawn(binary(name), args, {
      cwd: folder,
      env: { ...process.env, NO_COLOR: "1", ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    return new Program(child);
  }

  /** The first line that matches, of those that it has printed or prints. */
  async line(pattern: RegExp): Promise<RegExpMatchArray> {
    for (let seen = 0; ;) {
      for (; seen < this.lines.length; seen++) {
        const found = this.lines[seen]!.match(pattern);
        if (found) return found;
      }
      if (this.ended) throw new Error(`it ended without ${pattern}:\n${this.lines.join("\n")}`);
      await new Promise<void>((wake) => this.waiting.add(wake));
    }
  }

  /** Ends it, and waits for that. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.ended) return;
    this.child.stdin?.end();
    this.child.kill(signal);
    while (!this.ended) await new Promise<void>((wake) => this.waiting.add(wake));
  }

  private wake() {
    const waiting = [...this.waiting];
    this.waiting.clear();
    for (const wake of waiting) wake();
  }
}
