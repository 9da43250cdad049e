// A Store is one value and those who want to know when it changes. Values are replaced, never changed in place.
import { useEffect, useState } from "preact/hooks";

export class Store<T extends object> {
  private listeners = new Set<() => void>();
  constructor(private value: T) {}

  get(): T {
    return this.value;
  }

  set(part: Partial<T>): void {
    this.replace({ ...this.value, ...part });
  }

  replace(value: T): void {
    this.value = value;
    for (const listener of [...this.listeners]) listener();
  }

  subscribe(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }
}

/** Draws the component again whenever what `pick` takes from the store is another value. */
export function useStore<T extends object, P>(store: Store<T>, pick: (value: T) => P): P {
  const picked = pick(store.get());
  const [, draw] = useState(0);
  useEffect(() => {
    let last = pick(store.get());
    if (!Object.is(last, picked)) draw((n) => n + 1); // changed between drawing and subscribing
    return store.subscribe(() => {
      const next = pick(store.get());
      if (Object.is(last, next)) return;
      last = next;
      draw((n) => n + 1);
    });
    // A new `pick` function every time the component is drawn is no reason to subscribe again,
    // but what it picks may depend on the component's properties; so the picked value is the key.
  }, [store, picked]);
  return picked;
}
