// What kind of room it is, in a few small signs: the same on cards, in the preview, and where a room is spoken of.
import type { Preview, RoomCard } from "../node/types";
import { dateAndTime, howLong, languageName, t } from "../words";
import { money } from "../words/money";
import { useNow } from "./clock";
import { Icon } from "./icon";

type Kind = Pick<RoomCard | Preview, "mode" | "language" | "locked" | "stage_only" | "joined" | "access"> & { price?: string };

/** `opens` is when the doors open, in unix ms; 0 once they are open. */
export function RoomTags({ room, opens }: { room: Kind; opens: number }) {
  const language = languageName(room.language);
  return (
    <>
      <span class={opens > 0 ? "tag" : "tag live"}>
        <Icon name={room.mode === "concert" ? "music" : "talk"} />
        {t.mode[room.mode]}
      </span>
      {language && <span class="tag">{language}</span>}
      {opens > 0 && <Start at={opens} />}
      {room.stage_only && (
        <span class="tag" data-test="stage-only">
          <Icon name="round" />
          {t.home.stageOnly}
        </span>
      )}
      {room.access === "invite" && (
        <span class="tag" data-test="by-invitation">
          <Icon name="locked" />
          {t.home.byInvitation}
        </span>
      )}
      {room.access === "subscribers" && (
        <span class="tag" data-test="for-subscribers">
          <Icon name="locked" />
          {t.home.forSubscribers}
        </span>
      )}
      {room.access === "ticket" && (
        <span class="tag ticket" data-test="by-ticket">
          <Icon name="ticket" />
          {room.price ? t.home.ticketFor(money(room.price)) : t.home.byTicket}
        </span>
      )}
      {room.locked && (
        <span class="tag" data-test="locked">
          <Icon name="locked" />
          {t.home.locked}
        </span>
      )}
      {room.joined && (
        <span class="tag mine" data-test="joined">
          <Icon name="check" />
          {t.home.joined}
        </span>
      )}
    </>
  );
}

const near = 90 * 60_000; // ms; what is further away is told by the clock

function Start({ at }: { at: number }) {
  const left = at - useNow(1000);
  const text = left <= 0 ? t.home.startsNow : left < near ? t.home.startsIn(howLong(left)) : t.home.startsAt(dateAndTime(at));
  return (
    <span class="tag soon" data-test="starts">
      <Icon name="clock" />
      {text}
    </span>
  );
}
