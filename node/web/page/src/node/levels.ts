// How loud each person is, ten times a second. Kept apart from the world: a level moves a ring and draws nothing else.
import { useEffect, useRef } from "preact/hooks";
import type { LevelsEvent } from "./types";

const staleAfter = 600; // ms; then nobody is speaking
const speakingFrom = 0.12;
const holdFor = 450; // ms; a ring that goes out between two words only flickers

let current: LevelsEvent = { room: "", levels: {} };
let stale: ReturnType<typeof setTimeout> | undefined;
const listeners = new Set<() => void>();

export function setLevels(event: LevelsEvent): void {
  current = event;
  clearTimeout(stale);
  stale = setTimeout(() => {
    current = { room: event.room, levels: {} };
    for (const listener of listeners) listener();
  }, staleAfter);
  for (const listener of listeners) listener();
}

/** A level of 0 to 1 from -dBov: 60 below full scale is nothing, 10 below is all. */
export function loudness(below: number | undefined): number {
  if (below === undefined) return 0;
  return Math.min(1, Math.max(0, (60 - below) / 50));
}

/** Keeps `--level` (0 to 1) and `data-speaking` of an element at what the person is doing. */
export function useLevel<E extends HTMLElement>(room: string, person: string) {
  const element = useRef<E>(null);
  useEffect(() => {
    let heardAt = -Infinity;
    let quiet: ReturnType<typeof setTimeout> | undefined;
    const rest = () => element.current?.toggleAttribute("data-speaking", false);
    const show = () => {
      const level = current.room === room ? loudness(current.levels[person]) : 0;
      element.current?.style.setProperty("--level", level.toFixed(2));
      if (level < speakingFrom) return;
      element.current?.toggleAttribute("data-speaking", true);
      if (performance.now() - heardAt < holdFor / 4) return;
      heardAt = performance.now();
      clearTimeout(quiet);
      quiet = setTimeout(rest, holdFor);
    };
    listeners.add(show);
    show();
    return () => {
      listeners.delete(show);
      clearTimeout(quiet);
    };
  }, [room, person]);
  return element;
}
