/** Servers for tests: the demo with its history, and an installation without anything. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Program } from "./program";

/** What a test has started. */
export interface Site {
  /** `http://127.0.0.1:PORT`. */
  url: string;
  /** The folder of the project. */
  folder: string;
  /** Ends everything. */
  stop: () => Promise<void>;
}

export interface DemoSite extends Site {
  /** Signs in, once. */
  link: string;
  user: string;
  password: string;
}

export async function startDemo(): Promise<DemoSite> {
  const folder = mkdtempSync(join(tmpdir(), "outflow-e2e-"));
  const args = ["demo", "--people", "60", "--listen", "127.0.0.1:0"];
  const demo = Program.start("outflow", args, folder);
  const [, user, password] = await demo.line(/sign in as (\S+) with the password (\S+)/);
  const [link, url] = await demo.line(/(http:\/\/127\.0\.0\.1:\d+)\/login#code=\S+/);
  return {
    url: url!,
    link,
    user: user!,
    password: password!,
    folder: join(folder, "outflow-demo"),
    stop: async () => {
      await demo.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export interface FreshSite extends Site {
  /** Makes the first administrator. */
  token: string;
  /** The Redshift simulator. */
  redshift: { host: string; port: string; user: string; password: string };
  /** A receiver that takes every call: `http://127.0.0.1:PORT`. */
  receiver: string;
  /** Ends the server alone, and begins it again at the same address. */
  server: { stop: () => Promise<void>; start: () => Promise<void> };
}

/** An account that only reads: the simulator has its administrator, `awsuser`, in any case. */
const REDSHIFT = { user: "outflow_reader", password: "Sesame-open-1" };

/** A server without definitions, a simulator of Redshift with people, and a receiver. */
export async function startFresh({ receiverDelayMs = 0 } = {}): Promise<FreshSite> {
  const folder = mkdtempSync(join(tmpdir(), "outflow-e2e-"));
  const account = `${REDSHIFT.user}:${REDSHIFT.password}`;
  const redshift = Program.start("outflow-testkit", ["redshift", "--user", account], folder);
  const receiver = Program.start(
    "outflow-testkit",
    ["receiver", "--delay-ms", String(receiverDelayMs)],
    folder,
  );
  const port = async (program: Program) =>
    (await program.line(/listening on 127\.0\.0\.1:(\d+)/))[1]!;
  writeFileSync(join(folder, "outflow.yaml"), "version: 1\n");
  const serve = async (listen: string) => {
    const server = Program.start("outflow", ["serve", "--listen", listen], folder);
    const [, address] = await server.line(/api=(127\.0\.0\.1:\d+)/);
    return { server, address: address! };
  };
  const begun = await serve("127.0.0.1:0");
  const { address } = begun;
  let { server } = begun;
  const [token] = await server.line(/oflsetup_\w+/);
  return {
    url: `http://${address}`,
    folder,
    token,
    redshift: { host: "127.0.0.1", port: await port(redshift), ...REDSHIFT },
    receiver: `http://127.0.0.1:${await port(receiver)}`,
    server: {
      stop: () => server.stop(),
      start: async () => {
        ({ server } = await serve(address));
      },
    },
    stop: async () => {
      await Promise.all([server.stop(), redshift.stop(), receiver.stop()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
