// The time, for what is shown in words such as "in 12 minutes".
import { useEffect, useState } from "preact/hooks";

/** The time in unix ms, anew every so many ms; standing still while `every` is 0. */
export function useNow(every: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (every === 0) return;
    setNow(Date.now());
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
