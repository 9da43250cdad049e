// Tips, as the room shows them: the node tells of each once, when it has checked its receipt.
import type { TipEvent } from "./types";

const listeners = new Set<(tip: TipEvent) => void>();

export function takeTip(tip: TipEvent): void {
  for (const listener of listeners) listener(tip);
}

export function onTip(listener: (tip: TipEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
