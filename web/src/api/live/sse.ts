/** Server-sent events, read by `fetch`: it says why a stream cannot be had, which EventSource hides. */

export interface Frame {
  id: string | null;
  event: string;
  data: string;
}

/** Takes pieces of the stream and hands over each event once it is complete. */
export function frameParser(onFrame: (frame: Frame) => void): (piece: string) => void {
  let rest = "";
  let frame: Frame = { id: null, event: "message", data: "" };
  const line = (text: string) => {
    if (text === "") {
      if (frame.data !== "") onFrame({ ...frame, data: frame.data.slice(0, -1) });
      frame = { id: null, event: "message", data: "" };
      return;
    }
    const colon = text.indexOf(":");
    // A line that begins with a colon is a sign of life.
    if (colon === 0) return;
    const name = colon < 0 ? text : text.slice(0, colon);
    const value = colon < 0 ? "" : text.slice(colon + 1).replace(/^ /, "");
    if (name === "data") frame.data += `${value}\n`;
    if (name === "event") frame.event = value;
    if (name === "id") frame.id = value;
  };
  return (piece) => {
    const lines = (rest + piece).split(/\r?\n/);
    rest = lines.pop() ?? "";
    lines.forEach(line);
  };
}

export interface StreamOptions {
  path: string;
  /** `id` of the last event that was received. */
  lastId: string | null;
  signal: AbortSignal;
  onOpen: () => void;
  onFrame: (frame: Frame) => void;
  /** Silence for so long means that the connection is dead. The server beats every 15 s. */
  silenceMs: number;
}

/** Reads until the stream ends, fails, or is silent. Resolves with the status of the answer. */
export async function readStream(options: StreamOptions): Promise<number> {
  const quiet = new AbortController();
  const stop = () => quiet.abort();
  options.signal.addEventListener("abort", stop);
  let timer = setTimeout(stop, options.silenceMs);
  try {
    const headers: Record<string, string> = { accept: "text/event-stream" };
    if (options.lastId) headers["last-event-id"] = options.lastId;
    const response = await fetch(options.path, {
      headers,
      signal: quiet.signal,
      cache: "no-store",
    });
    if (!response.ok || !response.body) return response.status;
    options.onOpen();
    const take = frameParser(options.onFrame);
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return response.status;
      clearTimeout(timer);
      timer = setTimeout(stop, options.silenceMs);
      take(value);
    }
  } finally {
    clearTimeout(timer);
    options.signal.removeEventListener("abort", stop);
  }
}
