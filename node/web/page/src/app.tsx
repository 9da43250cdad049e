// Which view is shown, and what stays around it.
import { useEffect, useRef } from "preact/hooks";
import { world } from "./node/world";
import { useRoute, type Route } from "./route";
import { useStore } from "./store";
import { CheckPage } from "./views/check";
import { DemoPage } from "./views/demo";
import { Dock } from "./views/dock";
import { Home } from "./views/home";
import { LinkPage } from "./views/link";
import { NoKey } from "./views/nokey";
import { RoomPage } from "./views/room";
import { SettingsPage } from "./views/settings";
import { StartPage } from "./views/start";
import { StreamBanner } from "./views/streambanner";
import { WalletPage } from "./views/wallet";
import { Welcome } from "./views/welcome";
import { t } from "./words";

export function App({ hasKey }: { hasKey: boolean }) {
  const denied = useStore(world, (w) => w.stream === "denied");
  const known = useStore(world, (w) => w.status !== null);
  const nameless = useStore(world, (w) => w.status?.name === "");
  if (!hasKey || denied) return <NoKey denied={denied} />;
  return (
    <>
      <StreamBanner />
      {nameless ? <Welcome /> : known ? <Pages /> : <p class="waiting" aria-busy="true">{t.app.loading}</p>}
    </>
  );
}

function Pages() {
  const route = useRoute();
  useFocusOnTurn(route);
  return (
    <>
      <Page route={route} />
      <Dock route={route} />
    </>
  );
}

function Page({ route }: { route: Route }) {
  switch (route.view) {
    case "home":
      return <Home />;
    case "start":
      return <StartPage />;
    case "check":
      return <CheckPage />;
    case "demo":
      return <DemoPage />;
    case "wallet":
      return <WalletPage />;
    case "settings":
      return <SettingsPage part={route.part ?? ""} />;
    case "link":
      return <LinkPage key={route.link} link={route.link} />;
    case "room":
      return <RoomPage key={route.id} id={route.id} />;
  }
}

/** After a turn to another view the focus is on its first field or its heading: keyboard and screen reader begin there. */
function useFocusOnTurn(route: Route): void {
  const first = useRef(true);
  const name = route.view === "room" ? `room ${route.id}` : route.view === "link" ? `link ${route.link}` : route.view;
  useEffect(() => {
    if (first.current) {
      first.current = false;
      return;
    }
    scrollTo(0, 0);
    const field = document.querySelector<HTMLElement>("main [autofocus]");
    (field ?? document.querySelector<HTMLElement>("h1"))?.focus({ preventScroll: true });
  }, [name]);
}
