// Reactions, as the node sums them: an event of four a second at most says how many of each emoji there were.
import type { ReactionsEvent } from "./types";

export const emojis = ["❤️", "👏", "😂", "😮", "👍", "🎉", "🔥", "🙏"] as const;

const listeners = new Set<(event: ReactionsEvent) => void>();

export function takeReactions(event: ReactionsEvent): void {
  for (const listener of listeners) listener(event);
}

export function onReactions(listener: (event: ReactionsEvent) => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}
