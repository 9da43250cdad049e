// What a button does when it asks the node for something.
import { useRef, useState } from "preact/hooks";
import { api } from "../node/api";
import type { Action, Details } from "../node/types";
import { notify, putRoom } from "../node/world";
import { t } from "../words";

/** Runs one thing at a time and shows why it failed. While busy, further clicks are ignored rather than queued. */
export function useAction(): [busy: boolean, run: (work: () => Promise<unknown>) => Promise<boolean>] {
  const [busy, setBusy] = useState(false);
  const running = useRef(false);
  const run = async (work: () => Promise<unknown>): Promise<boolean> => {
    if (running.current) return false;
    running.current = true;
    setBusy(true);
    try {
      await work();
      return true;
    } catch (error) {
      complain(error);
      return false;
    } finally {
      running.current = false;
      setBusy(false);
    }
  };
  return [busy, run];
}

/** Does something in a room, one thing at a time; says whether the node did it. */
export function useRoom(id: string): [busy: boolean, act: (action: Action, details?: Details) => Promise<boolean>] {
  const [busy, run] = useAction();
  return [busy, (action, details) => run(async () => putRoom(await api.act(id, action, details)))];
}

export function complain(error: unknown): void {
  notify("warn", (error instanceof Error && error.message) || t.error.unknown);
}
