import { useId, useState } from "preact/hooks";
import { api } from "../node/api";
import { notify, world } from "../node/world";
import { useAction } from "../parts/action";
import { CopyField } from "../parts/copy";
import { Dialog } from "../parts/dialog";
import { Facts } from "../parts/facts";
import { Icon } from "../parts/icon";
import { findLink, go } from "../route";
import { useStore } from "../store";
import { t } from "../words";

const maxAddrs = 4;

/** The three ways to other people's rooms. */
export function Connect({ onClose }: { onClose: () => void }) {
  const status = useStore(world, (w) => w.status);
  return (
    <Dialog title={t.connect.title} test="connect-dialog" onClose={onClose}>
      <section class="way">
        <Icon name="wifi" />
        <div class="stack">
          <h3>{t.connect.wifi}</h3>
          <p class="hint">{status?.nearby ? t.connect.wifiText : t.connect.wifiOff}</p>
          <Facts />
        </div>
      </section>
      <PasteLink onFound={onClose} />
      <AddPeer />
      {status && (status.addrs ?? []).length > 0 && (
        <details class="fold">
          <summary>
            <span>{t.connect.mine}</span>
          </summary>
          <p class="hint">{t.connect.mineText}</p>
          <div class="stack">
            {status.addrs!.slice(0, maxAddrs).map((addr) => (
              <CopyField key={addr} label={t.connect.mine} text={addr} action={t.connect.copy} test="my-addr" />
            ))}
          </div>
        </details>
      )}
    </Dialog>
  );
}

/** A link leads to a look at its room; one goes in from there. */
function PasteLink({ onFound }: { onFound: () => void }) {
  const id = useId();
  const [link, setLink] = useState("");
  const [wrong, setWrong] = useState(false);
  const submit = (event: Event) => {
    event.preventDefault();
    if (!link.trim()) return;
    const found = findLink(link);
    setWrong(found === "");
    if (!found) return;
    onFound();
    go({ view: "link", link: found });
  };
  return (
    <section class="way">
      <Icon name="link" />
      <form class="stack" onSubmit={submit}>
        <h3>{t.connect.link}</h3>
        <p class="hint">{t.connect.linkText}</p>
        <div class="row">
          <label class="unseen" for={id}>
            {t.connect.linkLabel}
          </label>
          <input
            id={id}
            class="field code"
            dir="ltr"
            autoComplete="off"
            spellcheck={false}
            placeholder={t.connect.linkHint}
            value={link}
            aria-invalid={wrong}
            aria-describedby={wrong ? `${id}-wrong` : undefined}
            data-test="link-input"
            onInput={(event) => {
              setLink(event.currentTarget.value);
              setWrong(false);
            }}
          />
          <button class="button primary" aria-disabled={!link.trim()} data-test="link-look">
            {t.connect.look}
          </button>
        </div>
        {wrong && (
          <p class="wrong" id={`${id}-wrong`} role="alert">
            {t.connect.linkWrong}
          </p>
        )}
      </form>
    </section>
  );
}

function AddPeer() {
  const id = useId();
  const [addr, setAddr] = useState("");
  const [busy, run] = useAction();
  const submit = (event: Event) => {
    event.preventDefault();
    if (!addr.trim()) return;
    void run(async () => {
      const { peers } = await api.addPeer(addr.trim());
      setAddr("");
      notify("info", t.connect.added(peers));
    });
  };
  return (
    <section class="way">
      <Icon name="people" />
      <form class="stack" onSubmit={submit}>
        <h3>{t.connect.peer}</h3>
        <p class="hint">{t.connect.peerText}</p>
        <div class="row">
          <label class="unseen" for={id}>
            {t.connect.peerLabel}
          </label>
          <input
            id={id}
            class="field code"
            dir="ltr"
            autoComplete="off"
            spellcheck={false}
            placeholder={t.connect.peerHint}
            value={addr}
            data-test="peer-input"
            onInput={(event) => setAddr(event.currentTarget.value)}
          />
          <button class="button" aria-disabled={busy || !addr.trim()} data-test="peer-add">
            {t.connect.add}
          </button>
        </div>
      </form>
    </section>
  );
}
