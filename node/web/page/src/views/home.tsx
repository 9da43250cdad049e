import { useEffect, useId, useState } from "preact/hooks";
import { world } from "../node/world";
import type { RoomCard } from "../node/types";
import { say } from "../parts/announcer";
import { Facts } from "../parts/facts";
import { Icon, Sign, type IconName } from "../parts/icon";
import { go } from "../route";
import { Store, useStore } from "../store";
import { languageName, t } from "../words";
import { Card } from "./card";
import { Connect } from "./connect";
import { SafeOffer } from "./safe";
import { Renewals } from "./subscriptions";
import { Top } from "./top";

/** The rooms live now, and those that will be; in an empty world, what one can do about it. */
export function Home() {
  const all = useStore(world, (w) => w.rooms);
  const joined = useStore(world, (w) => w.joined);
  const [connecting, setConnecting] = useState(false);
  const rooms = (all ?? []).filter((room) => !joined[room.id]?.demo);
  const connect = () => setConnecting(true);
  return (
    <div class="page">
      <Top>
        {rooms.length > 0 && (
          <a class="button primary" href="#/start" data-test="start-room">
            <Icon name="plus" />
            <span>{t.home.start}</span>
          </a>
        )}
      </Top>
      <main>
        {all && <SafeOffer />}
        {all && <Renewals />}
        {rooms.length > 0 ? <Rooms rooms={rooms} onConnect={connect} /> : <Empty onConnect={connect} />}
      </main>
      {connecting && <Connect onClose={() => setConnecting(false)} />}
    </div>
  );
}

const few = 6; // rooms, which one overlooks without searching
const atOnce = 60; // cards; the rest on demand

// What one looks for outlives a look into a room.
const search = new Store({ text: "", language: "" });

function Rooms({ rooms, onConnect }: { rooms: RoomCard[]; onConnect: () => void }) {
  const wanted = useStore(search, (s) => s);
  const [most, setMost] = useState(atOnce);
  const searching = wanted.text.trim() !== "" || wanted.language !== "";
  const found = searching ? rooms.filter((room) => fits(room, wanted)) : rooms;
  const live = found.filter((room) => room.starts === 0);
  const soon = found.filter((room) => room.starts > 0).sort((a, b) => a.starts - b.starts);
  return (
    <>
      <div class="headline">
        <h1 tabIndex={-1}>{t.home.title}</h1>
        <Facts />
      </div>
      {(rooms.length > few || searching) && <Search rooms={rooms} found={found.length} />}
      {found.length === 0 && (
        <section class="none" data-test="not-found">
          <h2>{t.home.notFound}</h2>
          <p class="hint">{t.home.notFoundText}</p>
          <button type="button" class="button" data-test="show-all" onClick={() => search.set({ text: "", language: "" })}>
            {t.home.showAll}
          </button>
        </section>
      )}
      {live.length === 0 && soon.length > 0 && !searching && <p class="lead">{t.home.noneLive}</p>}
      {live.length > 0 && (
        <ul class="cards" data-test="rooms">
          {live.slice(0, most).map((room) => (
            <Card key={room.id} room={room} />
          ))}
        </ul>
      )}
      {live.length > most && (
        <div class="row center">
          <button type="button" class="button" data-test="show-more" onClick={() => setMost(most + atOnce)}>
            {t.home.showMore(Math.min(atOnce, live.length - most))}
          </button>
        </div>
      )}
      {soon.length > 0 && (
        <section class="stack" aria-label={t.home.soon} data-test="soon">
          {(live.length > 0 || searching) && <h2>{t.home.soon}</h2>}
          <ul class="cards">
            {soon.slice(0, most).map((room) => (
              <Card key={room.id} room={room} />
            ))}
          </ul>
        </section>
      )}
      <section class="others" aria-label={t.home.more}>
        <p>{t.home.more}</p>
        <div class="row">
          <button type="button" class="button" data-test="connect" onClick={onConnect}>
            <Icon name="link" />
            <span>{t.home.connect}</span>
          </button>
          <a class="button" href="#/settings/people" data-test="people">
            <Icon name="people" />
            <span>{t.home.people}</span>
          </a>
          <a class="button" href="#/demo" data-test="hear-it-work">
            <Icon name="ear" />
            <span>{t.home.demo}</span>
          </a>
          <a class="button" href="#/check" data-test="sound-check">
            <Icon name="mic" />
            <span>{t.home.check}</span>
          </a>
        </div>
      </section>
    </>
  );
}

/** Letters as they are compared: without case and accents. */
const plain = (text: string): string => text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();

function fits(room: RoomCard, wanted: { text: string; language: string }): boolean {
  if (wanted.language && room.language !== wanted.language) return false;
  const there = plain(`${room.title} ${room.host.name} ${languageName(room.language)}`);
  return plain(wanted.text)
    .split(/\s+/)
    .every((word) => there.includes(word));
}

function Search({ rooms, found }: { rooms: RoomCard[]; found: number }) {
  const id = useId();
  const { text, language } = useStore(search, (s) => s);
  const known = [...new Set(rooms.map((room) => room.language))]
    .map((tag) => ({ tag, name: languageName(tag), n: rooms.filter((room) => room.language === tag).length }))
    .filter(({ name }) => name !== "")
    .sort((a, b) => a.name.localeCompare(b.name));
  useEffect(() => {
    if (!text && !language) return;
    const timer = setTimeout(() => say(t.home.found(found, rooms.length)), 500); // not at every letter
    return () => clearTimeout(timer);
  }, [text, language, found]);
  return (
    <div class="search" role="search" data-test="search">
      <label class="unseen" for={id}>
        {t.home.find}
      </label>
      <span class="field with-icon">
        <Icon name="search" />
        <input
          id={id}
          type="search"
          dir="auto"
          autoComplete="off"
          placeholder={t.home.find}
          value={text}
          data-test="search-text"
          onInput={(event) => search.set({ text: event.currentTarget.value })}
        />
      </span>
      {known.length > 1 && (
        <>
          <label class="unseen" for={`${id}-language`}>
            {t.start.language}
          </label>
          <select
            id={`${id}-language`}
            class="field short"
            value={language}
            data-test="search-language"
            onChange={(event) => search.set({ language: event.currentTarget.value })}
          >
            <option value="">{t.home.allLanguages}</option>
            {known.map(({ tag, name, n }) => (
              <option key={tag} value={tag}>
                {t.home.inLanguage(name, n)}
              </option>
            ))}
          </select>
        </>
      )}
      {(text || language) && (
        <span class="hint" data-test="found">
          {t.home.found(found, rooms.length)}
        </span>
      )}
    </div>
  );
}

function Empty({ onConnect }: { onConnect: () => void }) {
  return (
    <section class="empty" data-test="empty">
      <div class="empty-sign">
        <Sign />
      </div>
      <h1 tabIndex={-1}>{t.home.emptyTitle}</h1>
      <p class="lead">{t.home.emptyText}</p>
      <Facts />
      <ul class="choices">
        <Choice icon="mic" test="start-room" title={t.home.start} text={t.home.startText} onClick={() => go({ view: "start" })} first />
        <Choice icon="ear" test="hear-it-work" title={t.home.demo} text={t.home.demoText} onClick={() => go({ view: "demo" })} />
        <Choice icon="link" test="connect" title={t.home.connect} text={t.home.connectText} onClick={onConnect} />
      </ul>
    </section>
  );
}

interface ChoiceProperties {
  icon: IconName;
  test: string;
  title: string;
  text: string;
  first?: boolean;
  onClick: () => void;
}

function Choice({ icon, test, title, text, first, onClick }: ChoiceProperties) {
  return (
    <li>
      <button type="button" class={first ? "choice first" : "choice"} data-test={test} onClick={onClick}>
        <Icon name={icon} />
        <strong>{title}</strong>
        <span>{text}</span>
      </button>
    </li>
  );
}
