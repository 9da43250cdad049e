// Where the person is in the page. Routes live in the fragment, so that Back works and the server knows nothing of them.
import { useEffect, useState } from "preact/hooks";

export type Route =
  | { view: "home" }
  | { view: "start" }
  | { view: "check" }
  | { view: "demo" }
  | { view: "wallet" }
  | { view: "settings"; part?: string } // the part of it to begin at
  | { view: "link"; link: string } // of a room, to look at before going in
  | { view: "room"; id: string };

export function parseRoute(hash: string): Route {
  const [view, rest] = hash.replace(/^#\/?/, "").split("/");
  let word = "";
  try {
    word = decodeURIComponent(rest ?? "");
  } catch {
    return { view: "home" }; // no text in that encoding: no address of ours
  }
  if (view === "room" && word) return { view, id: word };
  if (view === "link" && word) return { view, link: word };
  if (view === "settings") return word ? { view, part: word } : { view };
  if (view === "start" || view === "check" || view === "demo" || view === "wallet") return { view };
  return { view: "home" };
}

export function path(route: Route): string {
  if (route.view === "home") return "#/";
  if (route.view === "room") return `#/room/${encodeURIComponent(route.id)}`;
  if (route.view === "link") return `#/link/${route.link}`; // as it was passed on: it can be read, and copied again
  if (route.view === "settings" && route.part) return `#/settings/${encodeURIComponent(route.part)}`;
  return `#/${route.view}`;
}

export function go(route: Route): void {
  location.hash = path(route);
}

/** The share link in a text that somebody was sent, be it alone, in a sentence, or in the address of a page; else empty. */
export function findLink(text: string): string {
  return /salon:[\w-]+/.exec(text)?.[0] ?? "";
}

export function useRoute(): Route {
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const changed = () => setHash(location.hash);
    addEventListener("hashchange", changed);
    changed(); // it may have changed between drawing and now
    return () => removeEventListener("hashchange", changed);
  }, []);
  return parseRoute(hash);
}
