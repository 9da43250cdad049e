// Single keys that do something in a room. They can be switched off: speech input and slips of the hand press them too.
import { useLayoutEffect, useState } from "preact/hooks";
import { Store, useStore } from "../store";
import { t } from "../words";
import { Dialog } from "./dialog";
import { Icon } from "./icon";
import { Switch } from "./switch";

const place = "salon.keys";

const state = new Store({ on: kept() });

function kept(): boolean {
  try {
    return localStorage.getItem(place) !== "off";
  } catch {
    return true;
  }
}

function keep(on: boolean): void {
  state.set({ on });
  try {
    localStorage.setItem(place, on ? "on" : "off");
  } catch {
    // It then lasts as long as this tab.
  }
}

export type Keys = Partial<Record<string, () => void>>;

/** Calls what belongs to a key, unless something is written or a dialog is open. */
export function useKeys(keys: Keys): void {
  useLayoutEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      if (!state.get().on || event.defaultPrevented || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
      const at = event.target as Element;
      if (at.closest?.("input, textarea, select, [contenteditable]") || document.querySelector("dialog[open]")) return;
      const act = keys[event.key.toLowerCase()];
      if (!act) return;
      event.preventDefault();
      act();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  });
}

/** Opens the overview of the keys, as "?" does. */
export function KeysButton() {
  const [open, setOpen] = useState(false);
  useKeys({ "?": () => setOpen(true) });
  return (
    <>
      <button
        type="button"
        class="button plain round keys-button"
        aria-label={t.keys.open}
        title={t.keys.open}
        aria-haspopup="dialog"
        data-test="keys"
        onClick={() => setOpen(true)}
      >
        <Icon name="keys" />
      </button>
      {open && <KeysDialog onClose={() => setOpen(false)} />}
    </>
  );
}

function KeysDialog({ onClose }: { onClose: () => void }) {
  const on = useStore(state, (s) => s.on);
  const list = [
    ["M", t.keys.mute],
    ["H", t.keys.hand],
    ["C", t.keys.chat],
    ["?", t.keys.help],
  ] as const;
  return (
    <Dialog title={t.keys.title} test="keys-dialog" onClose={onClose}>
      <dl class="key-list">
        {list.map(([key, what]) => (
          <div key={key}>
            <dt>
              <kbd>{key}</kbd>
            </dt>
            <dd>{what}</dd>
          </div>
        ))}
      </dl>
      <p class="hint">{t.keys.others}</p>
      <div class="menu">
        <Switch icon="keys" test="keys-switch" text={t.keys.use} hint={t.keys.useHint} on={on} busy={false} onClick={() => keep(!on)} />
      </div>
    </Dialog>
  );
}
