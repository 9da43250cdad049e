// What lies over everything, dialogs too: notices, and what is said aloud. A modal dialog makes all that is outside it
// unreachable by mouse, keyboard and screen reader, so this is always inside the newest one.
import { render } from "preact";
import { Announcer } from "./announcer";
import { Notices } from "./notices";

const host = document.createElement("div");
const places: Element[] = [];

export function showOverlay(): void {
  place(document.body);
  render(
    <>
      <Notices />
      <Announcer />
    </>,
    host,
  );
}

/** Moves it into an element that covers the page, until the returned function is called. */
export function place(element: Element): () => void {
  places.push(element);
  element.append(host);
  return () => {
    places.splice(places.lastIndexOf(element), 1);
    places.at(-1)?.append(host);
  };
}
