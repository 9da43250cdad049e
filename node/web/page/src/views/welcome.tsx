import { useEffect, useId, useRef, useState } from "preact/hooks";
import { api } from "../node/api";
import { world } from "../node/world";
import { useAction } from "../parts/action";
import { Facts } from "../parts/facts";
import { Sign } from "../parts/icon";
import { t } from "../words";

export const maxName = 40; // characters; the node's own limit is not lower

/** The first thing a person sees: the name is asked once. */
export function Welcome() {
  const id = useId();
  const [name, setName] = useState("");
  const [busy, run] = useAction();
  const field = useRef<HTMLInputElement>(null);
  useEffect(() => field.current?.focus(), []);
  const save = (event: Event) => {
    event.preventDefault();
    if (name.trim()) void run(async () => world.set({ status: await api.setName(name.trim()) }));
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
          maxLength={maxName}
          value={name}
          aria-describedby={`${id}-hint`}
          data-test="name-input"
          onInput={(event) => setName(event.currentTarget.value)}
        />
        <p class="hint" id={`${id}-hint`}>
          {t.welcome.hint}
        </p>
        <button class="button primary large" data-test="name-save" aria-disabled={busy || !name.trim()}>
          {t.welcome.go}
        </button>
      </form>
      <Facts />
    </main>
  );
}
