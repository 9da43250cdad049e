// The page begins here: it takes the key, follows the node, and draws.
import { render } from "preact";
import { App } from "./app";
import { hasArrived, takeKey } from "./key";
import { useKey } from "./node/api";
import { followChats } from "./node/chat";
import { followNode } from "./node/world";
import { tellChanges } from "./changes";
import { showOverlay } from "./parts/overlay";
import { watchRooms } from "./past";
import { tellAccused, tidyRooms } from "./rooms";
import { dressTheme } from "./theme";
import { loadTickets } from "./tickets";
import { dressDocument } from "./words";

dressDocument();
dressTheme();
void takeKey().then((key) => {
  if (key) {
    useKey(key);
    followChats();
    followNode();
    tellChanges();
    watchRooms();
    tidyRooms();
    tellAccused();
    loadTickets().catch(() => {}); // asked for again before one is bought
  }
  render(<App hasKey={key !== null} />, document.getElementById("app")!);
  showOverlay();
});
// The address that `salon open` prints may come to a tab that is already here.
addEventListener("hashchange", () => {
  if (hasArrived()) void takeKey().then(() => location.reload());
});
