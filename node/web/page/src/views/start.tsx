import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { excess, titleLimit } from "../limits";
import type { Mode } from "../node/types";
import { MicrophoneChoice } from "../parts/devices";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { Meter } from "../parts/meter";
import { MicProblem } from "../parts/micproblem";
import { TooLong } from "../parts/toolong";
import { Microphone } from "../sound/microphone";
import { useStore } from "../store";
import { languageChoices, languageName, t } from "../words";
import { SoundCheck } from "./check";
import { useStart } from "./join";
import { Top } from "./top";

export function StartPage() {
  const id = useId();
  const [title, setTitle] = useState("");
  const [mode, setMode] = useState<Mode>("talk");
  const [language, setLanguage] = useState(() => languageChoices()[0] ?? "en");
  const [missing, setMissing] = useState(false);
  const { start, busy, question } = useStart();
  const tooLong = excess(title, titleLimit) > 0;
  const field = useRef<HTMLInputElement>(null);
  const submit = (event: Event) => {
    event.preventDefault();
    if (!title.trim()) setMissing(true);
    else if (!tooLong) return void start({ title: title.trim(), mode, language });
    field.current?.focus();
  };
  return (
    <div class="page slim">
      <Top back="#/" />
      <main>
        <h1 tabIndex={-1}>{t.start.title}</h1>
        <form class="sheet" onSubmit={submit}>
          <div class="labelled">
            <label for={id}>{t.start.name}</label>
            <input
              ref={field}
              id={id}
              class="field large"
              dir="auto"
              autoFocus
              autoComplete="off"
              maxLength={titleLimit.characters}
              placeholder={t.start.hint}
              value={title}
              aria-invalid={missing || tooLong}
              aria-describedby={missing ? `${id}-missing` : tooLong ? `${id}-long` : undefined}
              data-test="room-title-input"
              onInput={(event) => {
                setTitle(event.currentTarget.value);
                setMissing(false);
              }}
            />
            {missing && (
              <p class="wrong" id={`${id}-missing`} role="alert">
                {t.start.needTitle}
              </p>
            )}
            <TooLong id={`${id}-long`} text={title} limit={titleLimit} />
          </div>
          <fieldset>
            <legend>{t.start.mode}</legend>
            <div class="options">
              <ModeOption mode="talk" chosen={mode} onChoose={setMode} />
              <ModeOption mode="concert" chosen={mode} onChoose={setMode} />
            </div>
          </fieldset>
          <div class="labelled">
            <label for={`${id}-language`}>{t.start.language}</label>
            <select
              id={`${id}-language`}
              class="field short"
              value={language}
              data-test="room-language"
              onChange={(event) => setLanguage(event.currentTarget.value)}
            >
              {languageChoices().map((tag) => (
                <option key={tag} value={tag}>
                  {languageName(tag)}
                </option>
              ))}
            </select>
          </div>
          <MicrophonePart mode={mode} />
          <button class="button primary large" data-test="room-start" aria-disabled={busy}>
            <Icon name="mic" />
            <span>{busy ? t.start.starting : t.start.go}</span>
          </button>
        </form>
        {question}
      </main>
    </div>
  );
}

function ModeOption({ mode, chosen, onChoose }: { mode: Mode; chosen: Mode; onChoose: (mode: Mode) => void }) {
  return (
    <label class="option">
      <input
        type="radio"
        name="mode"
        value={mode}
        checked={mode === chosen}
        data-test={`mode-${mode}`}
        onChange={() => onChoose(mode)}
      />
      <Icon name={mode === "talk" ? "talk" : "music"} />
      <span class="option-text">
        <strong>{t.mode[mode]}</strong>
        <span>{mode === "talk" ? t.mode.talkText : t.mode.concertText}</span>
      </span>
    </label>
  );
}

/** The microphone is opened only when asked for: a browser's question out of the blue is answered with No. */
function MicrophonePart({ mode }: { mode: Mode }) {
  const mic = useMemo(() => new Microphone(), []);
  const watch = useMemo(() => (report: (peak: number) => void) => mic.watchLevel(report), [mic]);
  const phase = useStore(mic.state, (s) => s.phase);
  const [checking, setChecking] = useState(false);
  useEffect(() => () => mic.unwant(), [mic]);
  const wanted = phase !== "off";
  useEffect(() => {
    if (wanted) {
      mic.unwant();
      mic.want(mode); // the other mode is heard through other processing
    }
  }, [mode]);
  return (
    <fieldset class="stack">
      <legend>{t.start.microphone}</legend>
      {!wanted && (
        <div class="row">
          <button type="button" class="button" data-test="mic-check" onClick={() => mic.want(mode)}>
            <Icon name="mic" />
            <span>{t.start.check}</span>
          </button>
          <span class="hint">{t.start.later}</span>
        </div>
      )}
      {phase === "on" && (
        <>
          <Meter watch={watch} />
          <MicrophoneChoice bare />
          <div class="row">
            <button type="button" class="button" data-test="sound-check" onClick={() => setChecking(true)}>
              <Icon name="wave" />
              <span>{t.start.test}</span>
            </button>
          </div>
        </>
      )}
      <MicProblem mic={mic} />
      {checking && (
        <Dialog title={t.check.title} test="check-dialog" onClose={() => setChecking(false)}>
          <SoundCheck onFinish={() => setChecking(false)} />
        </Dialog>
      )}
    </fieldset>
  );
}
