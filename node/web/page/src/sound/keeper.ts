// A Keeper keeps one line up for as long as it is wanted, and starts it again when it breaks.
import type { Line } from "./line";
import { NoPath, refused } from "./session";

export type KeeperState = "off" | "connecting" | "on" | "retrying" | "no_path" | "refused";

const backoff = [300, 700, 1500, 3000]; // ms; the last one repeats

export class Keeper {
  state: KeeperState = "off";
  reason = ""; // what the node said when it refused
  line: Line | null = null;
  private wanted = ""; // names what is wanted; empty: nothing
  private open: () => Promise<Line> = () => Promise.reject(new Error("nothing wanted"));
  private held = false;
  private opening = false;
  private turn = 0; // goes up with every start and stop, so that a late answer knows it is late
  private failures = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `changed` hears of each change of state and line. */
  constructor(private readonly changed: () => void) {}

  /** Wants the line of that name, which `open` opens; an empty name wants none. */
  want(name: string, open: () => Promise<Line>): void {
    this.open = open;
    if (name === this.wanted) return;
    this.wanted = name;
    this.stop();
    if (name && !this.held) void this.start();
    else this.become("off");
  }

  /** While held it opens no line; one that is up, or under way, stays. */
  hold(held: boolean): void {
    if (held === this.held) return;
    this.held = held;
    if (held) clearTimeout(this.timer);
    else if (this.wanted && !this.busy) {
      this.failures = 0;
      void this.start();
    }
  }

  /** Whether a line is up or under way. */
  get busy(): boolean {
    return this.line !== null || this.opening;
  }

  /** Does not wait any longer for the next attempt. */
  retryNow(): void {
    if (this.wanted && !this.busy) {
      clearTimeout(this.timer);
      void this.start();
    }
  }

  /** Starts afresh although the line may look well from here. */
  renew(): void {
    if (!this.wanted) return;
    this.stop();
    void this.start();
  }

  private stop(): void {
    this.turn++;
    clearTimeout(this.timer);
    this.failures = 0;
    this.opening = false;
    void this.line?.close();
    this.line = null;
  }

  private async start(): Promise<void> {
    if (this.held) return;
    const turn = ++this.turn;
    this.opening = true;
    this.become(this.failures === 0 ? "connecting" : this.state);
    try {
      const line = await this.open();
      if (turn !== this.turn) {
        void line.close();
        return;
      }
      this.opening = false;
      this.failures = 0;
      this.take(line);
    } catch (error) {
      if (turn === this.turn) this.fail(error);
    }
  }

  /** Changes over to another line once that is up, without a silence in between; reports whether it did. */
  async change(open: () => Promise<Line>): Promise<boolean> {
    const before = this.line;
    const line = await open().catch(() => null);
    if (!line) return false;
    if (!before || before !== this.line) {
      void line.close();
      return false;
    }
    this.take(line);
    void before.close();
    return true;
  }

  private take(line: Line): void {
    this.line = line;
    line.whenBroken(() => {
      if (line === this.line) this.fail(new NoPath());
    });
    this.become("on");
  }

  private fail(error: unknown): void {
    const wasOn = this.line !== null;
    this.line = null;
    this.opening = false;
    this.reason = error instanceof Error ? error.message : "";
    // A line that was on is tried again soon, but not at once: when the node ends it, its reason is on the way.
    const wait = wasOn ? backoff[0]! : backoff[Math.min(this.failures++, backoff.length - 1)]!;
    if (!this.held) this.timer = setTimeout(() => void this.start(), wait);
    if (refused(error)) this.become("refused");
    else this.become(error instanceof NoPath && !wasOn ? "no_path" : "retrying");
  }

  private become(state: KeeperState): void {
    this.state = state;
    this.changed();
  }
}
