// What the screen is like, and what its person asked their system for.
import { useEffect, useState } from "preact/hooks";

/** Whether there is place for two things beside each other. */
export const useWide = follow("(min-width: 60rem)"); // as in room.css

/** Whether nothing should move. */
export const useCalm = follow("(prefers-reduced-motion: reduce)");

function follow(query: string): () => boolean {
  // What is read is not what is listened to: in Chromium a list that is asked between a change and its event tells of it no more.
  const asked = matchMedia(query);
  const told = matchMedia(query);
  return () => {
    const [matches, setMatches] = useState(asked.matches);
    useEffect(() => {
      const changed = () => setMatches(asked.matches);
      told.addEventListener("change", changed);
      changed(); // it may have changed between drawing and now
      return () => told.removeEventListener("change", changed);
    }, []);
    return matches;
  };
}
