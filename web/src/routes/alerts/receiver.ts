/** A receiver of alerts, made of what was typed. */

export interface Typed {
  kind: "webhook" | "email";
  url: string;
  secret: string;
  server: string;
  user: string;
  password: string;
  from: string;
  to: string;
}

export interface Made {
  receiver: Record<string, unknown>;
  secrets: { name: string; secret: string }[];
}

/** The receiver with references, and the secrets that they refer to. `at` makes their names new. */
export function receiverOf(typed: Typed, at: number): Made {
  const reference = (name: string) => `\${secret:${name}}`;
  if (typed.kind === "webhook") {
    const name = `ALERT_WEBHOOK_${at}`;
    return {
      receiver: { webhook: { url: typed.url.trim(), secret: reference(name) } },
      secrets: [{ name, secret: typed.secret }],
    };
  }
  const name = `ALERT_MAIL_${at}`;
  const hasPassword = typed.password !== "";
  const email = {
    server: typed.server.trim(),
    from: typed.from.trim(),
    to: typed.to.split(/[\s,;]+/).filter((address) => address !== ""),
    ...(typed.user.trim() === "" ? {} : { user: typed.user.trim() }),
    ...(hasPassword ? { password: reference(name) } : {}),
  };
  return { receiver: { email }, secrets: hasPassword ? [{ name, secret: typed.password }] : [] };
}

/** The setting `alerts` with one receiver more. */
export function withReceiver(
  value: unknown,
  receiver: Record<string, unknown>,
): Record<string, unknown> {
  const present = typeof value === "object" && value !== null ? value : {};
  const to = (present as { to?: unknown }).to;
  return { ...present, to: [...(Array.isArray(to) ? (to as unknown[]) : []), receiver] };
}

/** A key of 32 random bytes, as Standard Webhooks writes them. */
export function newSigningKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  return `whsec_${btoa(String.fromCharCode(...bytes))}`;
}
