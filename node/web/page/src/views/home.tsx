import { useState } from "preact/hooks";
import { world } from "../node/world";
import type { RoomCard } from "../node/types";
import { Facts } from "../parts/facts";
import { Icon, Sign, type IconName } from "../parts/icon";
import { go } from "../route";
import { useStore } from "../store";
import { t } from "../words";
import { Card } from "./card";
import { Connect } from "./connect";
import { Top } from "./top";

/** The rooms live now; in an empty world, what one can do about it. */
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
      <main>{rooms.length > 0 ? <Live rooms={rooms} onConnect={connect} /> : <Empty onConnect={connect} />}</main>
      {connecting && <Connect onClose={() => setConnecting(false)} />}
    </div>
  );
}

function Live({ rooms, onConnect }: { rooms: RoomCard[]; onConnect: () => void }) {
  return (
    <>
      <div class="headline">
        <h1 tabIndex={-1}>{t.home.title}</h1>
        <Facts />
      </div>
      <ul class="cards" data-test="rooms">
        {rooms.map((room) => (
          <Card key={room.id} room={room} />
        ))}
      </ul>
      <section class="others" aria-label={t.home.more}>
        <p>{t.home.more}</p>
        <div class="row">
          <button type="button" class="button" data-test="connect" onClick={onConnect}>
            <Icon name="link" />
            <span>{t.home.connect}</span>
          </button>
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
