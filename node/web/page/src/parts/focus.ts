// Keeps the keyboard where the person is when what has the focus moves or goes.
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

/** An element that is moved in the page loses the focus. Tell the returned function what was used; it has it back after. */
export function useKeptFocus(place: number): (used: EventTarget | null) => void {
  const used = useRef<HTMLElement | null>(null);
  useLayoutEffect(() => {
    const element = used.current;
    used.current = null;
    if (element?.isConnected && document.activeElement === document.body) element.focus();
  }, [place]);
  return (element) => {
    used.current = element as HTMLElement | null;
  };
}

/** When the element goes while the focus is in it, who is named next has it: the first that is there. */
export function useHeir(element: RefObject<HTMLElement>, heirs: () => (HTMLElement | null | undefined)[]): void {
  useEffect(
    () => () => {
      if (element.current?.contains(document.activeElement)) setTimeout(() => inherit(heirs()));
    },
    [],
  );
}

export function inherit(heirs: (HTMLElement | null | undefined)[]): void {
  if (document.activeElement !== document.body) return;
  heirs.find((heir) => heir?.isConnected)?.focus({ preventScroll: true });
}
