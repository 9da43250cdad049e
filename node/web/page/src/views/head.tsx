import { useState } from "preact/hooks";
import { runsRoom, type RoomView } from "../node/types";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { RoomTags } from "../parts/roomtags";
import { howLong, t } from "../words";
import { QualityLine } from "./quality";
import { SalesLine } from "./sales";
import { SellingLine } from "./sellers";
import { useSubscribe } from "./subscribe";
import { AudienceLine } from "./tree";

/** What the room is, and what holds in it just now. */
export function Head({ room }: { room: RoomView }) {
  const [recording, setRecording] = useState(false);
  const subscribe = useSubscribe(
    { to: room.host.person, person: room.host.person, name: room.host.name },
    { label: t.subscribe.to(room.host.name), test: "subscribe-host", line: true },
  );
  return (
    <header class="room-head">
      <div class="tags">
        {room.recording && (
          <button type="button" class="tag recording" data-test="recording" aria-haspopup="dialog" onClick={() => setRecording(true)}>
            <span class="red-dot" aria-hidden="true" />
            {t.room.recording}
          </button>
        )}
        <RoomTags room={{ ...room, joined: false }} opens={room.waiting ? room.starts : 0} />
        {room.chat_closed && (
          <span class="tag" data-test="chat-closed">
            <Icon name="talk" />
            {t.room.chatClosed}
          </span>
        )}
        {room.slow > 0 && !room.chat_closed && (
          <span class="tag" data-test="slow">
            <Icon name="slow" />
            {t.room.slow(howLong(room.slow * 1000))}
          </span>
        )}
      </div>
      <h1 tabIndex={-1} dir="auto" data-test="room-title">
        {room.title}
      </h1>
      <p class="room-facts">
        <span data-test="listeners" data-count={room.listeners}>
          <Icon name="people" />
          {t.room.listeners(room.listeners)}
        </span>
        {room.phase === "live" && <QualityLine room={room.id} quality={room.quality} delayed={!room.me.seated} />}
        {room.phase === "live" && !room.demo && runsRoom(room.me) && <AudienceLine room={room} />}
        {room.phase === "live" && room.access === "ticket" && runsRoom(room.me) && <SalesLine room={room} />}
        {room.phase === "live" && room.access === "ticket" && room.me.role === "co-host" && <SellingLine room={room.id} />}
        {room.phase === "live" && !room.demo && !runsRoom(room.me) && (room.access === "ticket" || room.access === "subscribers") && subscribe.button}
      </p>
      {subscribe.dialog}
      {recording && (
        <Dialog title={t.recording.title} test="recording-dialog" onClose={() => setRecording(false)}>
          <p>{t.recording.text}</p>
          {room.record_asks && <p>{t.recording.asks}</p>}
          <p class="hint">{t.recording.caution}</p>
        </Dialog>
      )}
    </header>
  );
}
