// The page begins here: it takes the key, follows the node, and draws.
import { render } from "preact";
import { App } from "./app";
import { takeKey } from "./key";
import { useKey } from "./node/api";
import { followNode } from "./node/world";
import { tellChanges } from "./changes";
import { tidyRooms } from "./rooms";
import { dressDocument } from "./words";

dressDocument();
const key = takeKey();
if (key) {
  useKey(key);
  followNode();
  tellChanges();
  tidyRooms();
}
// The address that `salon open` prints may come to a tab that is already here.
addEventListener("hashchange", () => {
  if (location.hash.startsWith("#key=")) {
    takeKey();
    location.reload();
  }
});
render(<App hasKey={key !== null} />, document.getElementById("app")!);
