import type { ComponentChildren } from "preact";
import { useState } from "preact/hooks";
import { world } from "../node/world";
import { Avatar } from "../parts/avatar";
import { Icon, Sign } from "../parts/icon";
import { useStore } from "../store";
import { t } from "../words";
import { Profile } from "./profile";

/** The head of a page: the sign, or the way back, and who one is. */
export function Top({ back, children }: { back?: string; children?: ComponentChildren }) {
  const status = useStore(world, (w) => w.status);
  const [open, setOpen] = useState(false);
  return (
    <header class="top">
      {back ? (
        <a class="button plain" href={back} data-test="back">
          <Icon name="back" turns />
          <span>{t.app.home}</span>
        </a>
      ) : (
        <a class="wordmark" href="#/" aria-label={t.app.name}>
          <Sign />
          <span>{t.app.name}</span>
        </a>
      )}
      <div class="top-end">
        {children}
        {status && (
          <a class="button plain round" href="#/wallet" aria-label={t.wallet.title} title={t.wallet.title} data-test="wallet-link">
            <Icon name="wallet" />
          </a>
        )}
        {status && (
          <button type="button" class="button plain who" data-test="profile" onClick={() => setOpen(true)}>
            <Avatar person={status.person} name={status.name} />
            <bdi>{status.name}</bdi>
          </button>
        )}
      </div>
      {open && <Profile onClose={() => setOpen(false)} />}
    </header>
  );
}
