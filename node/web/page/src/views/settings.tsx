import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { api } from "../node/api";
import { putStatus, world } from "../node/world";
import type { Known, Status } from "../node/types";
import { complain, useAction } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { CopyField } from "../parts/copy";
import { MicrophoneChoice, SpeakerChoice } from "../parts/devices";
import { Icon } from "../parts/icon";
import { NameForm } from "../parts/nameform";
import { loadPeople, mark, people } from "../people";
import { Switch } from "../parts/switch";
import { canChooseOutput } from "../sound/devices";
import { useStore } from "../store";
import { chooseTheme, theme, themes } from "../theme";
import { t } from "../words";
import { SafePart } from "./safe";
import { Rails } from "./rails";
import { Top } from "./top";

/** What holds for this person in every room. `part` is where it begins: "people", or empty for the top. */
export function SettingsPage({ part }: { part: string }) {
  const status = useStore(world, (w) => w.status);
  if (!status) return null;
  return (
    <div class="page slim">
      <Top back="#/" />
      <main class="settings" data-test="settings">
        <h1 tabIndex={-1}>{t.settings.title}</h1>
        <You status={status} />
        <Sound />
        <Appearance />
        <PassOn status={status} />
        <SafePart />
        <Part title={t.rails.title} test="rails">
          <Rails />
        </Part>
        <People begin={part === "people"} />
        <About status={status} />
      </main>
    </div>
  );
}

function Part({ title, test, children }: { title: string; test: string; children: ComponentChildren }) {
  return (
    <section class="sheet part" aria-labelledby={`part-${test}`} data-test={`settings-${test}`}>
      <h2 id={`part-${test}`} tabIndex={-1}>
        {title}
      </h2>
      {children}
    </section>
  );
}

function You({ status }: { status: Status }) {
  return (
    <Part title={t.settings.you} test="you">
      <div class="you">
        <Avatar person={status.person} name={status.name} />
        <NameForm hint={t.settings.nameHint} told />
      </div>
      <div class="stack tight">
        <h3>{t.profile.id}</h3>
        <CopyField label={t.profile.id} text={status.person} action={t.profile.copy} test="person-id" />
        <p class="hint">{t.profile.idText}</p>
      </div>
    </Part>
  );
}

function Sound() {
  return (
    <Part title={t.settings.sound} test="sound">
      <p class="hint">{t.settings.soundHint}</p>
      <div class="devices">
        <MicrophoneChoice />
        {canChooseOutput ? <SpeakerChoice /> : <p class="hint">{t.settings.systemOut}</p>}
      </div>
      <div class="row">
        <a class="button" href="#/check" data-test="settings-check">
          <Icon name="wave" />
          <span>{t.settings.check}</span>
        </a>
        <span class="hint">{t.sound.askFirst}</span>
      </div>
    </Part>
  );
}

function Appearance() {
  const { chosen } = useStore(theme, (s) => s);
  return (
    <Part title={t.settings.look} test="look">
      <fieldset>
        <legend class="unseen">{t.settings.theme}</legend>
        <div class="options three">
          {themes.map((one) => (
            <label key={one} class="option small">
              <input type="radio" name="theme" value={one} checked={one === chosen} data-test={`theme-${one}`} onChange={() => chooseTheme(one)} />
              <Icon name={one === "light" ? "sun" : one === "dark" ? "moon" : "screen"} />
              <strong>{t.settings.themes[one]}</strong>
            </label>
          ))}
        </div>
      </fieldset>
    </Part>
  );
}

/** Upload limits that one may choose, in kbit/s. */
const limits = [250, 500, 1000, 2000, 5000, 10000, 50000];

/** Whether others get the rooms that one hears from here, what it costs, and what comes of it. */
function PassOn({ status: { volunteer } }: { status: Status }) {
  const id = useId();
  const [busy, run] = useAction();
  const change = (on: boolean, kbps: number) => void run(async () => putStatus(await api.volunteer(on, kbps)));
  const { on, kbps, feeds, rooms, unreachable, narrow } = volunteer;
  const choices = limits.includes(kbps) ? limits : [...limits, kbps].sort((a, b) => a - b);
  return (
    <Part title={t.settings.volunteer} test="volunteer">
      <Switch
        icon="pass"
        test="volunteer-switch"
        text={t.settings.volunteerOn}
        hint={t.settings.volunteerHint(t.settings.megabits(kbps / 1000))}
        on={on}
        busy={busy}
        onClick={() => change(!on, kbps)}
      />
      <div class="labelled">
        <label for={id}>{t.settings.volunteerLimit}</label>
        <select
          id={id}
          class="field short"
          data-test="volunteer-limit"
          value={String(kbps)}
          onChange={(event) => change(on, Number(event.currentTarget.value))}
        >
          {choices.map((one) => (
            <option key={one} value={String(one)}>
              {t.settings.megabits(one / 1000)}
            </option>
          ))}
        </select>
      </div>
      <p data-test="volunteer-now">
        {on
          ? feeds > 0
            ? t.settings.volunteerFeeds(feeds, rooms)
            : unreachable
              ? t.settings.volunteerUnreachable
              : narrow
                ? t.settings.volunteerNarrow
                : t.settings.volunteerFeedsNobody
          : feeds > 0
            ? t.settings.volunteerEnding(feeds)
            : t.settings.volunteerOff}
      </p>
    </Part>
  );
}

/** Whom one muted or blocked, and the way back. */
function People({ begin }: { begin: boolean }) {
  const { list } = useStore(people, (s) => s);
  const part = useRef<HTMLDivElement>(null);
  useEffect(() => {
    loadPeople().catch(complain);
  }, []);
  useEffect(() => {
    if (!begin) return;
    // After the page has turned to its heading, as it does to every view.
    const frame = requestAnimationFrame(() => {
      part.current?.scrollIntoView({ block: "start" });
      part.current?.querySelector<HTMLElement>("h2")?.focus({ preventScroll: true });
    });
    return () => cancelAnimationFrame(frame);
  }, [begin]);
  return (
    <div ref={part}>
      <Part title={t.people.title} test="people">
        <p class="hint">{t.people.hint}</p>
        {list === null ? (
          <p class="hint" aria-busy="true">
            {t.people.loading}
          </p>
        ) : list.length === 0 ? (
          <p data-test="people-none">{t.people.none}</p>
        ) : (
          <ul class="hands">
            {list.map((one) => (
              <Row key={one.person} one={one} />
            ))}
          </ul>
        )}
      </Part>
    </div>
  );
}

function Row({ one }: { one: Known }) {
  const [busy, run] = useAction();
  const change = (marks: { blocked: boolean; muted: boolean }) => void run(() => mark(one, marks));
  const marks = [one.blocked && t.people.blocked, one.muted && t.people.muted].filter(Boolean).join(", ");
  return (
    <li class="hand" data-test="known" data-person={one.person}>
      <Avatar person={one.person} name={one.name} />
      <span class="hand-name">
        <span>
          <bdi>{one.name}</bdi>
        </span>
        <span class="hint">{marks}</span>
      </span>
      <span class="row">
        {one.muted && (
          <button
            type="button"
            class="button"
            aria-label={t.people.unmuteLabel(one.name)}
            aria-disabled={busy}
            data-test="unmute"
            onClick={() => change({ blocked: one.blocked, muted: false })}
          >
            {t.people.unmute}
          </button>
        )}
        {one.blocked && (
          <button
            type="button"
            class="button"
            aria-label={t.people.unblockLabel(one.name)}
            aria-disabled={busy}
            data-test="unblock"
            onClick={() => change({ blocked: false, muted: one.muted })}
          >
            {t.people.unblock}
          </button>
        )}
      </span>
    </li>
  );
}

function About({ status }: { status: Status }) {
  const addresses = status.addrs ?? [];
  return (
    <Part title={t.settings.about} test="about">
      <dl class="fact-list">
        <div>
          <dt>{t.settings.version}</dt>
          <dd>
            {t.app.name} {status.version}
          </dd>
        </div>
        <div>
          <dt>{t.settings.network}</dt>
          <dd>{t.facts.line(status.nearby ? t.facts.looking : t.facts.notLooking, t.facts.nodes(status.peers))}</dd>
        </div>
      </dl>
      <div class="stack tight">
        <h3>{t.settings.device}</h3>
        <CopyField label={t.settings.device} text={status.device} action={t.profile.copy} test="device-id" />
        <p class="hint">{t.settings.deviceText}</p>
      </div>
      <div class="stack tight">
        <h3>{t.settings.addresses}</h3>
        {addresses.length === 0 && <p class="hint">{t.settings.noAddresses}</p>}
        {addresses.map((addr) => (
          <CopyField key={addr} label={t.settings.addresses} text={addr} action={t.connect.copy} test="my-addr" />
        ))}
        {addresses.length > 0 && <p class="hint">{t.settings.addressesHint}</p>}
      </div>
    </Part>
  );
}
