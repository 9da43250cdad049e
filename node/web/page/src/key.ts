// The key is the secret of the loopback API. It arrives once in the fragment of the address that `salon` opens,
// which browsers send to nobody, and is kept for this origin: the port is part of it, so two nodes never mix.

const place = "salon.key";

/** Takes the key out of the address bar, where it could be copied or seen, and keeps it. */
export function takeKey(): string | null {
  const found = /^#key=([^&]+)$/.exec(location.hash);
  if (found?.[1]) {
    const key = decodeURIComponent(found[1]);
    try {
      localStorage.setItem(place, key);
    } catch {
      // Storage may be switched off; the key then lasts as long as this tab.
    }
    history.replaceState(null, "", location.pathname);
    return key;
  }
  return keptKey();
}

export function keptKey(): string | null {
  try {
    return localStorage.getItem(place);
  } catch {
    return null;
  }
}
