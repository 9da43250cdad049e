// Where the person is in the page. Routes live in the fragment, so that Back works and the server knows nothing of them.
import { useEffect, useState } from "preact/hooks";

export type Route =
  | { view: "home" }
  | { view: "start" }
  | { view: "check" }
  | { view: "demo" }
  | { view: "room"; id: string };

export function parseRoute(hash: string): Route {
  const [view, id] = hash.replace(/^#\/?/, "").split("/");
  if (view === "room" && id) {
    try {
      return { view, id: decodeURIComponent(id) };
    } catch {
      return { view: "home" }; // no text in that encoding: no address of ours
    }
  }
  if (view === "start" || view === "check" || view === "demo") return { view };
  return { view: "home" };
}

export function path(route: Route): string {
  if (route.view === "home") return "#/";
  if (route.view === "room") return `#/room/${encodeURIComponent(route.id)}`;
  return `#/${route.view}`;
}

export function go(route: Route): void {
  location.hash = path(route);
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
