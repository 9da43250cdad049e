// How the sound arrived, second by second, for as long as one is in a room and for two minutes back.
import { Store } from "../store";
import type { QualityEvent } from "./types";

const kept = 120; // seconds

export const heard = new Store<{ room: string; seconds: readonly QualityEvent[] }>({ room: "", seconds: [] });

export function takeQuality(event: QualityEvent): void {
  const { room, seconds } = heard.get();
  const before = room === event.room ? seconds : [];
  heard.set({ room: event.room, seconds: [...before, event].slice(-kept) });
}
