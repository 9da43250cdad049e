import { useId, useState } from "preact/hooks";
import { excess, nameLimit } from "../limits";
import { api } from "../node/api";
import { world } from "../node/world";
import { useAction } from "../parts/action";
import { CopyField } from "../parts/copy";
import { Dialog } from "../parts/dialog";
import { TooLong } from "../parts/toolong";
import { useStore } from "../store";
import { t } from "../words";

export function Profile({ onClose }: { onClose: () => void }) {
  const id = useId();
  const status = useStore(world, (w) => w.status);
  const [name, setName] = useState(status?.name ?? "");
  const [busy, run] = useAction();
  if (!status) return null;
  const tooLong = excess(name, nameLimit) > 0;
  const fine = name.trim() !== "" && !tooLong;
  const save = async (event: Event) => {
    event.preventDefault();
    if (!fine) return;
    if (await run(async () => world.set({ status: await api.setName(name.trim()) }))) onClose();
  };
  return (
    <Dialog title={t.profile.title} test="profile-dialog" onClose={onClose}>
      <form class="stack" onSubmit={save}>
        <div class="labelled">
          <label for={id}>{t.profile.name}</label>
          <div class="row">
            <input
              id={id}
              class="field"
              dir="auto"
              autoComplete="nickname"
              maxLength={nameLimit.characters}
              value={name}
              aria-invalid={tooLong}
              aria-describedby={tooLong ? `${id}-long` : undefined}
              data-test="profile-name"
              onInput={(event) => setName(event.currentTarget.value)}
            />
            <button class="button primary" aria-disabled={busy || !fine} data-test="profile-save">
              {t.profile.save}
            </button>
          </div>
          <TooLong id={`${id}-long`} text={name} limit={nameLimit} />
        </div>
      </form>
      <div class="stack">
        <h3>{t.profile.id}</h3>
        <CopyField label={t.profile.id} text={status.person} action={t.profile.copy} test="person-id" />
        <p class="hint">{t.profile.idText}</p>
        <p class="hint">{t.profile.version(status.version)}</p>
      </div>
    </Dialog>
  );
}
