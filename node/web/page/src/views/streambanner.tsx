import { useEffect, useState } from "preact/hooks";
import { world } from "../node/world";
import { say } from "../parts/announcer";
import { Icon } from "../parts/icon";
import { useStore } from "../store";
import { t } from "../words";

const patience = 900; // ms; a stream that comes back at once is not worth a word

/** Says that the node does not answer, for as long as it does not. */
export function StreamBanner() {
  const lost = useStore(world, (w) => w.stream === "lost");
  const [shown, setShown] = useState(false);
  useEffect(() => {
    if (!lost) {
      if (shown) say(t.stream.back);
      setShown(false);
      return;
    }
    const timer = setTimeout(() => setShown(true), patience);
    return () => clearTimeout(timer);
  }, [lost]);
  if (!shown) return null;
  return (
    <div class="banner bad" role="alert" data-test="node-lost">
      <Icon name="alert" />
      <p>
        <strong>{t.stream.lost}</strong> {t.stream.lostHow}
      </p>
    </div>
  );
}
