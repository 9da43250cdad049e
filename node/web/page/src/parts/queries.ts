// What the screen is like, and what its person asked their system for.
import { useEffect, useState } from "preact/hooks";

const wide = matchMedia("(min-width: 60rem)"); // as in room.css
const calm = matchMedia("(prefers-reduced-motion: reduce)");

function useQuery(query: MediaQueryList): boolean {
  const [matches, setMatches] = useState(query.matches);
  useEffect(() => {
    const changed = () => setMatches(query.matches);
    query.addEventListener("change", changed);
    changed(); // it may have changed between drawing and now
    return () => query.removeEventListener("change", changed);
  }, [query]);
  return matches;
}

/** Whether there is place for two things beside each other. */
export const useWide = (): boolean => useQuery(wide);

/** Whether nothing should move. */
export const useCalm = (): boolean => useQuery(calm);
