import { useEffect, useId, useRef, useState } from "preact/hooks";
import { excess, nameLimit } from "../limits";
import { api } from "../node/api";
import { putStatus } from "../node/world";
import { useAction } from "../parts/action";
import { Facts } from "../parts/facts";
import { Sign } from "../parts/icon";
import { TooLong } from "../parts/toolong";
import { t } from "../words";

/** The first thing a person sees: the name is asked once. */
export function Welcome() {
  const id = useId();
  const [name, setName] = useState("");
  const [busy, run] = useAction();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const tooLong = excess(name, nameLimit) > 0;
  const fine = name.trim() !== "" && !tooLong;
  const save = (event: Event) => {
    event.preventDefault();
    if (fine) void run(async () => putStatus(await api.setName(name.trim())));
  };
  return (
    <main class="alone" data-test="welcome">
      <Sign />
      <h1>{t.welcome.title}</h1>
      <p class="lead">{t.welcome.text}</p>
      <form class="stack narrow" onSubmit={save}>
        <label class="big" for={id}>
          {t.welcome.name}
        </label>
        <input
          ref={field}
          id={id}
          class="field large"
          dir="auto"
          autoComplete="nickname"
          maxLength={nameLimit.characters}
          value={name}
          aria-invalid={tooLong}
          aria-describedby={tooLong ? `${id}-long` : `${id}-hint`}
          data-test="name-input"
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <TooLong id={`${id}-long`} text={name} limit={nameLimit} />
        <p class="hint" id={`${id}-hint`}>
          {t.welcome.hint}
        </p>
        <button class="button primary large" data-test="name-save" aria-disabled={busy || !fine}>
          {t.welcome.go}
        </button>
      </form>
      <Facts />
    </main>
  );
}
