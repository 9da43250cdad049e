// Where reading begins in a view whose content comes later than the view.
import { useEffect } from "preact/hooks";

/** Once the heading is there, and when it becomes another, it has the focus, unless the person has it elsewhere by then. */
export function useHeading(of: unknown): void {
  useEffect(() => {
    if (!of || (document.activeElement && document.activeElement !== document.body)) return;
    document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
  }, [of]);
}
