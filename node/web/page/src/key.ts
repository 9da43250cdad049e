// The key is the secret of the loopback API, and is kept for this origin: the port is part of it, so two nodes never mix.
// It arrives once in the fragment of the page's address, which browsers send to nobody: itself, in the address that
// `salon` prints, or as a pass that fetches it, in the one that `salon` starts a browser with.

const place = "salon.key";

/** Whether the address bar holds a key, or a pass. */
export const hasArrived = (): boolean => /^#(key|pass)=/.test(location.hash);

/** Takes key or pass out of the address bar, where they could be copied or seen, and keeps the key. */
export async function takeKey(): Promise<string | null> {
  const [, kind, word] = /^#(key|pass)=([^&]+)$/.exec(location.hash) ?? [];
  if (!kind || !word) return keptKey();
  history.replaceState(null, "", location.pathname);
  const key = kind === "key" ? decodeURIComponent(word) : await redeem(decodeURIComponent(word));
  if (key === null) return keptKey();
  try {
    localStorage.setItem(place, key);
  } catch {
    // Storage may be switched off; the key then lasts as long as this tab.
  }
  return key;
}

/** A pass is good once, and soon; null if this one is not, or the node is gone. */
async function redeem(pass: string): Promise<string | null> {
  try {
    const answer = await fetch("/api/v1/passes/redeem", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ pass }),
    });
    if (!answer.ok) return null;
    const { key } = (await answer.json()) as { key: string };
    return key;
  } catch {
    return null;
  }
}

export function keptKey(): string | null {
  try {
    return localStorage.getItem(place);
  } catch {
    return null;
  }
}
