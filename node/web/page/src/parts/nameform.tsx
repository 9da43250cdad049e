// One's own name, to be changed.
import { useId, useState } from "preact/hooks";
import { excess, nameLimit } from "../limits";
import { api } from "../node/api";
import { notify, putStatus, world } from "../node/world";
import { useStore } from "../store";
import { t } from "../words";
import { useAction } from "./action";
import { TooLong } from "./toolong";

interface Properties {
  hint?: string; // what follows from another name
  told?: boolean; // that it was changed; where the form does not go away
  onSaved?: () => void;
}

export function NameForm({ hint, told, onSaved }: Properties) {
  const id = useId();
  const known = useStore(world, (w) => w.status?.name ?? "");
  const [name, setName] = useState(known);
  const [busy, run] = useAction();
  const tooLong = excess(name, nameLimit) > 0;
  const fine = name.trim() !== "" && !tooLong;
  const save = async (event: Event) => {
    event.preventDefault();
    if (!fine) return;
    if (!(await run(async () => putStatus(await api.setName(name.trim()))))) return;
    if (told) notify("info", t.settings.renamed(world.get().status?.name ?? ""));
    onSaved?.();
  };
  return (
    <form class="labelled" onSubmit={save}>
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
          aria-describedby={tooLong ? `${id}-long` : hint ? `${id}-hint` : undefined}
          data-test="profile-name"
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <button class="button primary" aria-disabled={busy || !fine} data-test="profile-save">
          {t.profile.save}
        </button>
      </div>
      <TooLong id={`${id}-long`} text={name} limit={nameLimit} />
      {hint && (
        <p class="hint after" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </form>
  );
}
