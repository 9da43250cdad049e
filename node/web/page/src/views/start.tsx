import { useEffect, useId, useMemo, useRef, useState } from "preact/hooks";
import { excess, titleLimit } from "../limits";
import type { Access, Charter, Mode } from "../node/types";
import { MicrophoneChoice } from "../parts/devices";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { Meter } from "../parts/meter";
import { MicProblem } from "../parts/micproblem";
import { Option } from "../parts/option";
import { TooLong } from "../parts/toolong";
import { Microphone } from "../sound/microphone";
import { useStore } from "../store";
import { dateAndTime, howLong, languageChoices, languageName, t } from "../words";
import { money } from "../words/money";
import { SoundCheck } from "./check";
import { useStart } from "./join";
import { asked, nothingAsked, Price, wrongWith, type Asking, type Wrong } from "./price";
import { TierChoice, useSubscriptions } from "./tiers";
import { Top } from "./top";
import { furthest, When } from "./when";

/** A title is enough; what few rooms need is folded away. */
export function StartPage() {
  const id = useId();
  const [title, setTitle] = useState("");
  const [mode, setMode] = useState<Mode>("talk");
  const [language, setLanguage] = useState(() => languageChoices()[0] ?? "en");
  const [starts, setStarts] = useState<number | null>(null); // null: now; 0: later, and not yet said when
  const [stageOnly, setStageOnly] = useState(false);
  const [recordAsks, setRecordAsks] = useState(false);
  const [access, setAccess] = useState<Access>("open");
  const [asking, setAsking] = useState<Asking>(nothingAsked);
  const [wrong, setWrong] = useState<Wrong>({});
  const [missing, setMissing] = useState(false);
  const [untimely, setUntimely] = useState("");
  const { start, busy, question } = useStart();
  const tooLong = excess(title, titleLimit) > 0;
  const field = useRef<HTMLInputElement>(null);
  const when = useRef<HTMLInputElement>(null);
  const price = useRef<HTMLDivElement>(null);
  const tier = useRef<HTMLDivElement>(null);
  const [subscriptions, putSubscriptions] = useSubscriptions();
  const submit = (event: Event) => {
    event.preventDefault();
    if (!title.trim()) setMissing(true);
    if (!title.trim() || tooLong) return field.current?.focus();
    const wrong = starts === null ? "" : untimeliness(starts);
    setUntimely(wrong);
    if (wrong) return when.current?.focus();
    const unsold = access === "ticket" ? wrongWith(asking) : {};
    setWrong(unsold);
    if (Object.keys(unsold).length > 0) {
      price.current?.closest("details")?.setAttribute("open", "");
      // The first that is wrong, once it is marked.
      return void requestAnimationFrame(() => price.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus());
    }
    if (access === "subscribers" && subscriptions && (subscriptions.offers ?? []).length === 0) {
      tier.current?.closest("details")?.setAttribute("open", "");
      return void requestAnimationFrame(() => tier.current?.querySelector<HTMLElement>("input")?.focus());
    }
    const charter: Charter = { title: title.trim(), mode, language };
    if (starts !== null) charter.starts = starts;
    if (stageOnly) charter.stage_only = true;
    if (recordAsks) charter.record_asks = true;
    if (access !== "open") charter.access = access;
    if (access === "ticket") Object.assign(charter, asked(asking));
    void start(charter);
  };
  return (
    <div class="page slim">
      <Top back="#/" />
      <main>
        <h1 tabIndex={-1}>{t.start.title}</h1>
        <form class="sheet" noValidate onSubmit={submit}>
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
              <Option name="mode" test="mode-talk" title={t.mode.talk} text={t.mode.talkText} icon="talk" checked={mode === "talk"} onChoose={() => setMode("talk")} />
              <Option name="mode" test="mode-concert" title={t.mode.concert} text={t.mode.concertText} icon="music" checked={mode === "concert"} onChoose={() => setMode("concert")} />
            </div>
          </fieldset>
          <MicrophonePart mode={mode} />
          <details class="fold" data-test="more-options">
            <summary>
              <span>{t.start.more}</span>
              <span class="hint">{summary(language, starts, access, asking, stageOnly, recordAsks)}</span>
            </summary>
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
            <When
              field={when}
              starts={starts}
              wrong={untimely}
              onChange={(at) => {
                setStarts(at);
                setUntimely("");
              }}
            />
            <fieldset>
              <legend>{t.start.access}</legend>
              <div class="options">
                <Option name="access" test="access-open" title={t.start.open} text={t.start.openText} icon="unlocked" checked={access === "open"} onChoose={() => setAccess("open")} />
                <Option name="access" test="access-invite" title={t.start.invite} text={t.start.inviteText} icon="locked" checked={access === "invite"} onChoose={() => setAccess("invite")} />
                <Option name="access" test="access-ticket" title={t.start.ticket} text={t.start.ticketText} icon="ticket" checked={access === "ticket"} onChoose={() => setAccess("ticket")} />
                <Option name="access" test="access-subscribers" title={t.start.subscribers} text={t.start.subscribersText} icon="coHost" checked={access === "subscribers"} onChoose={() => setAccess("subscribers")} />
              </div>
              {access === "subscribers" && (
                <div ref={tier}>
                  <TierChoice all={subscriptions} onChange={putSubscriptions} />
                </div>
              )}
              {access === "ticket" && (
                <Price
                  asking={asking}
                  wrong={wrong}
                  first={price}
                  onChange={(next) => {
                    setAsking(next);
                    setWrong({});
                  }}
                />
              )}
            </fieldset>
            <fieldset>
              <legend>{t.start.who}</legend>
              <div class="options">
                <Option name="who" test="who-asked" title={t.start.asked} text={t.start.askedText} icon="hand" checked={!stageOnly} onChoose={() => setStageOnly(false)} />
                <Option name="who" test="who-all" title={t.start.stageOnly} text={t.start.stageOnlyText} icon="round" checked={stageOnly} onChoose={() => setStageOnly(true)} />
              </div>
            </fieldset>
            <label class="tick">
              <input type="checkbox" checked={recordAsks} data-test="record-asks" onChange={(event) => setRecordAsks(event.currentTarget.checked)} />
              <span>
                <strong>{t.start.record}</strong>
                <span class="hint">{t.start.recordText}</span>
              </span>
            </label>
          </details>
          {(access === "ticket" || access === "subscribers") && (
            <p class="banner" data-test="co-host-sold">
              <Icon name="crown" />
              <span>
                {t.start.coHostSold} {access === "ticket" && t.start.coHostSells}
              </span>
            </p>
          )}
          <button class="button primary large" data-test="room-start" aria-disabled={busy}>
            <Icon name={starts === null ? "mic" : "clock"} />
            <span>{busy ? t.start.starting : starts === null ? t.start.go : t.start.goLater}</span>
          </button>
          {access !== "ticket" && access !== "subscribers" && (
            <p class="hint" data-test="co-host-hint">
              {t.start.coHost}
            </p>
          )}
        </form>
        {question}
      </main>
    </div>
  );
}

/** What is chosen in the folded part, if it is not the usual; the language always. */
function summary(language: string, starts: number | null, access: Access, asking: Asking, stageOnly: boolean, recordAsks: boolean): string {
  const parts = [languageName(language)];
  if (starts) parts.push(t.home.startsAt(dateAndTime(starts)));
  if (access === "invite") parts.push(t.start.inviteShort);
  if (access === "ticket") parts.push(asking.price ? t.home.ticketFor(money(`${asking.price} ${asking.unit}`)) : t.start.ticket);
  if (access === "subscribers") parts.push(t.home.forSubscribers);
  if (stageOnly) parts.push(t.home.stageOnly);
  if (recordAsks) parts.push(t.start.recordShort);
  return parts.filter(Boolean).join(" · ");
}

/** What is wrong with a start; empty: nothing. */
function untimeliness(starts: number): string {
  if (starts === 0) return t.start.noDate;
  const left = starts - Date.now();
  return left <= 0 ? t.start.past : left > furthest ? t.start.tooFar(howLong(furthest)) : "";
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
          <span class="hint">{t.start.inRoom}</span>
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
