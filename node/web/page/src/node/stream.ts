// The node's event stream, read with fetch because an EventSource cannot carry the key.
import { call, paths, Refusal } from "./api";

export interface StreamEvent {
  name: string;
  data: string;
}

/** Follows the text/event-stream grammar (WHATWG HTML, 9.2.6), one chunk at a time. */
export class EventParser {
  lastId = "";
  private rest = "";
  private name = "";
  private data: string[] = [];

  /** Returns the events that the chunk completed. */
  push(chunk: string): StreamEvent[] {
    const events: StreamEvent[] = [];
    const lines = (this.rest + chunk).split(/\r\n|\n|\r(?!$)/);
    this.rest = lines.pop() ?? "";
    for (const line of lines) {
      if (line !== "") this.field(line);
      else if (this.data.length > 0) {
        events.push({ name: this.name || "message", data: this.data.join("\n") });
        this.reset();
      } else this.reset();
    }
    return events;
  }

  private field(line: string): void {
    const colon = line.indexOf(":");
    if (colon === 0) return; // a comment, which only shows that the node lives
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? "" : line.slice(colon + 1).replace(/^ /, "");
    if (field === "event") this.name = value;
    else if (field === "data") this.data.push(value);
    else if (field === "id" && !value.includes("\0")) this.lastId = value;
  }

  private reset(): void {
    this.name = "";
    this.data = [];
  }
}

export type StreamState = "connecting" | "open" | "lost" | "denied";

const silenceLimit = 40_000; // ms; the node writes a comment every 15 s
const backoff = [200, 400, 800, 1500, 3000]; // ms; the last one repeats

/** Follows the stream for as long as the page lives, and says how it goes. */
export async function follow(onEvent: (event: StreamEvent) => void, onState: (state: StreamState) => void): Promise<void> {
  let lastId = "";
  for (let failures = 0; ; ) {
    const stop = new AbortController();
    let watchdog = setTimeout(() => stop.abort(), silenceLimit);
    try {
      const headers: Record<string, string> = { Accept: "text/event-stream" };
      if (lastId) headers["Last-Event-ID"] = lastId;
      const answer = await call(paths.events, { headers, signal: stop.signal });
      onState("open");
      failures = 0;
      const parser = new EventParser();
      const text = new TextDecoder();
      for (const reader = answer.body!.getReader(); ; ) {
        const { done, value } = await reader.read();
        if (done) break;
        clearTimeout(watchdog);
        watchdog = setTimeout(() => stop.abort(), silenceLimit);
        for (const event of parser.push(text.decode(value, { stream: true }))) onEvent(event);
        lastId = parser.lastId || lastId;
      }
    } catch (error) {
      if (error instanceof Refusal && (error.status === 401 || error.status === 403)) {
        onState("denied");
        return;
      }
    } finally {
      clearTimeout(watchdog);
    }
    onState("lost");
    await pause(backoff[Math.min(failures++, backoff.length - 1)]!);
  }
}

/** Waits, but not longer than until someone looks at the page again. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      document.removeEventListener("visibilitychange", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    document.addEventListener("visibilitychange", done);
  });
}
