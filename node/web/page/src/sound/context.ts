// Browsers let an audio context run only once the person has clicked or typed.

/** Wakes the context at once if the browser lets it, and otherwise with the next click or key, until the returned function is called. */
export function stayAwake(context: AudioContext): () => void {
  const wake = () => {
    if (context.state === "suspended") void context.resume();
  };
  for (const sign of signs) addEventListener(sign, wake, { passive: true });
  wake();
  return () => {
    for (const sign of signs) removeEventListener(sign, wake);
  };
}

const signs = ["pointerdown", "keydown"];
