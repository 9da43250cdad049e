import { useEffect, useId, useState } from "preact/hooks";
import { Refusal } from "../node/api";
import { trade, type KeysKept } from "../node/trade";
import { world } from "../node/world";
import { useAction } from "../parts/action";
import { CopyField } from "../parts/copy";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { Store, useStore } from "../store";
import { dateAndTime, t } from "../words";
import { save } from "./export";

const keys = new Store<{ kept: KeysKept | null }>({ kept: null }); // null until the node has said

/** Asks when something is drawn that depends on it: a room or a purchase ago the answer was another. */
function useKept(): KeysKept | null {
  useEffect(() => {
    trade.keysKept().then(
      (kept) => keys.set({ kept }),
      () => {}, // there is nothing to offer while the node does not answer
    );
  }, []);
  return useStore(keys, (s) => s.kept);
}

/** Offers once, where nobody is in the middle of something, to keep a copy; whoever does not want it is not asked again. */
export function SafeOffer() {
  const kept = useKept();
  const [open, setOpen] = useState(false);
  const [busy, run] = useAction();
  if (!kept?.due && !open) return null;
  const later = () => run(async () => keys.set({ kept: await trade.keysLater() }));
  return (
    <section class="sheet safe-offer" aria-labelledby="safe-offer" data-test="safe-offer">
      <Icon name="locked" />
      <div class="stack tight">
        <h2 id="safe-offer">{t.safe.offerTitle}</h2>
        <p>
          {t.safe.offerText} <span class="hint">{t.safe.laterText}</span>
        </p>
      </div>
      <div class="row">
        <button type="button" class="button" data-test="safe-later" aria-disabled={busy} onClick={() => void later()}>
          {t.safe.later}
        </button>
        <button type="button" class="button primary" aria-haspopup="dialog" data-test="safe-save" onClick={() => setOpen(true)}>
          <Icon name="save" />
          <span>{t.safe.save}</span>
        </button>
      </div>
      {open && <SafeDialog onClose={() => setOpen(false)} />}
    </section>
  );
}

/** In the settings, always. */
export function SafePart() {
  const kept = useKept();
  const [open, setOpen] = useState(false);
  return (
    <section class="sheet part" aria-labelledby="part-keys" data-test="settings-keys">
      <h2 id="part-keys">{t.safe.title}</h2>
      <p>{t.safe.text}</p>
      {kept && <p data-test="keys-saved">{kept.saved > 0 ? t.safe.saved(dateAndTime(kept.saved)) : t.safe.never}</p>}
      <div class="row">
        <button type="button" class="button" aria-haspopup="dialog" data-test="keys-save" onClick={() => setOpen(true)}>
          <Icon name="save" />
          <span>{t.safe.save}</span>
        </button>
      </div>
      {open && <SafeDialog onClose={() => setOpen(false)} />}
    </section>
  );
}

export const passphraseLeast = 12; // characters, as the node has it

type Strength = "short" | "plain" | "fair" | "strong";

/** A hint and no proof: what is long, of several words, and does not repeat itself takes long to guess. */
export function strength(word: string): Strength {
  const characters = [...word];
  if (characters.length < passphraseLeast) return "short";
  const different = new Set(characters.map((c) => c.toLowerCase())).size;
  const words = new Set(word.toLowerCase().split(/[^\p{L}\p{N}]+/u).filter((one) => one.length > 2)).size;
  if (different < 7 || /^(.{1,6})\1+$/u.test(word)) return "plain";
  if (words >= 4 || characters.length >= 24) return "strong";
  const kinds = [/\p{Ll}/u, /\p{Lu}/u, /\p{N}/u, /[^\p{L}\p{N}\s]/u].filter((kind) => kind.test(word)).length;
  if (words >= 3 || kinds >= 3 || characters.length >= 18) return "fair";
  return "plain";
}

const levels: readonly Strength[] = ["short", "plain", "fair", "strong"];

function SafeDialog({ onClose }: { onClose: () => void }) {
  const id = useId();
  const name = useStore(world, (w) => w.status?.name ?? "");
  const [word, setWord] = useState("");
  const [again, setAgain] = useState("");
  const [differ, setDiffer] = useState(false);
  const [problem, setProblem] = useState("");
  const [file, setFile] = useState("");
  const [busy, run] = useAction();
  const how = strength(word);
  const missing = Math.max(0, passphraseLeast - [...word].length);
  const said = { short: t.safe.short(missing), plain: t.safe.plain, fair: t.safe.fair, strong: t.safe.strong }[how];
  const submit = (event: Event) => {
    event.preventDefault();
    if (missing > 0) return document.getElementById(`${id}-word`)?.focus();
    if (word !== again) {
      setDiffer(true);
      return document.getElementById(`${id}-again`)?.focus();
    }
    void run(async () => {
      setProblem("");
      try {
        const sealed = await trade.exportKeys(word);
        const called = `salon-keys-${name.replace(/[^\p{L}\p{N}]+/gu, "-") || "mine"}.safe`;
        save(sealed, called);
        setFile(called);
        keys.set({ kept: await trade.keysKept() });
      } catch (error) {
        setProblem(error instanceof Refusal ? error.message : t.error.unknown);
      }
    });
  };
  return (
    <Dialog title={t.safe.save} test="safe-dialog" onClose={onClose}>
      {file ? (
        <div class="stack" data-test="safe-done">
          <h3>{t.safe.done}</h3>
          <p>{t.safe.doneText}</p>
          <CopyField label={t.safe.title} text={t.safe.command(file)} action={t.safe.copy} test="safe-command" />
        </div>
      ) : (
        <form class="stack" noValidate onSubmit={submit}>
          <p class="hint" id={`${id}-hint`}>
            {t.safe.hint}
          </p>
          <div class="labelled">
            <label for={`${id}-word`}>{t.safe.passphrase}</label>
            <input
              id={`${id}-word`}
              class="field"
              type="password"
              autoComplete="new-password"
              autoFocus
              value={word}
              aria-describedby={`${id}-hint ${id}-how`}
              data-test="safe-word"
              onInput={(event) => {
                setWord(event.currentTarget.value);
                setDiffer(false);
              }}
            />
            <div class="strength" data-test="safe-strength" data-how={word ? how : "none"}>
              <span class="strength-bar" aria-hidden="true">
                {levels.slice(1).map((level) => (
                  <i key={level} class={word && levels.indexOf(how) >= levels.indexOf(level) ? how : undefined} />
                ))}
              </span>
              <span class="hint" id={`${id}-how`} role="status">
                {word && said}
              </span>
            </div>
          </div>
          <div class="labelled">
            <label for={`${id}-again`}>{t.safe.again}</label>
            <input
              id={`${id}-again`}
              class="field"
              type="password"
              autoComplete="new-password"
              value={again}
              aria-invalid={differ}
              aria-describedby={differ ? `${id}-differ` : undefined}
              data-test="safe-again"
              onInput={(event) => {
                setAgain(event.currentTarget.value);
                setDiffer(false);
              }}
            />
            {differ && (
              <p class="wrong" id={`${id}-differ`} role="alert" data-test="safe-differ">
                {t.safe.differ}
              </p>
            )}
          </div>
          {problem && (
            <p class="wrong" role="alert">
              {problem}
            </p>
          )}
          <div class="row end">
            <button type="button" class="button" onClick={onClose}>
              {t.app.cancel}
            </button>
            <button class="button primary" data-test="safe-go" aria-disabled={busy || missing > 0}>
              <Icon name="save" />
              <span>{busy ? t.safe.busy : t.safe.go}</span>
            </button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
