import { useEffect, useState } from "preact/hooks";
import { api } from "../node/api";
import { runsRoom, type RoomView } from "../node/types";
import { world } from "../node/world";
import { useRoom } from "../parts/action";
import { say } from "../parts/announcer";
import { CopyField } from "../parts/copy";
import { useStore } from "../store";
import { t } from "../words";

/** The way to bring people here: a link to pass on, a code to point a phone at. */
export function Invite({ room }: { room: RoomView }) {
  const guests = useStore(world, (w) => (w.status?.guests));
  const closed = room.access === "invite";
  const sold = room.access === "ticket";
  if (closed && !runsRoom(room.me)) {
    // Theirs may be out of date, or lets nobody in: who comes is for the host to say.
    return (
      <section class="panel" data-test="invite">
        <h2>{t.room.invite}</h2>
        <p class="hint">{t.room.inviteHost}</p>
      </section>
    );
  }
  return (
    <section class="panel" data-test="invite">
      <h2>{t.room.invite}</h2>
      <p class="hint">{closed ? t.room.inviteClosed : sold ? t.room.inviteSold : room.access === "open" ? t.room.inviteText : t.room.inviteSubscribers}</p>
      <CopyField label={t.room.link} text={room.link} action={t.room.copy} test="share-link" buttonTest="copy-link" />
      {closed && <Renew room={room.id} />}
      {guests && room.access === "open" && (
        <>
          <p class="hint">{t.room.inviteGuests}</p>
          <CopyField label={t.room.guestLink} text={`${guests}/r/${room.id}`} action={t.room.copy} test="guest-link" buttonTest="copy-guest-link" />
        </>
      )}
      <Code id={room.id} title={room.title} link={room.link} />
    </section>
  );
}

/** The way to make a link worthless that got into the wrong hands. */
function Renew({ room }: { room: string }) {
  const [busy, act] = useRoom(room);
  const renew = async () => {
    if (await act("relink")) say(t.room.renewed); // it is to be seen beside
  };
  return (
    <div class="row">
      <button type="button" class="button" data-test="renew-link" aria-disabled={busy} onClick={() => void renew()}>
        {t.room.renew}
      </button>
      <span class="hint">{t.room.renewHint}</span>
    </div>
  );
}

/** An image cannot carry the key, so the code is fetched. */
function Code({ id, title, link }: { id: string; title: string; link: string }) {
  const [address, setAddress] = useState("");
  useEffect(() => {
    let made = "";
    let gone = false;
    api.qr(id).then(
      (image) => {
        if (!gone) setAddress((made = URL.createObjectURL(image)));
      },
      () => {}, // the link is enough
    );
    return () => {
      gone = true;
      if (made) URL.revokeObjectURL(made);
    };
  }, [id, link]);
  if (!address) return null;
  return <img class="qr" src={address} alt={t.room.qr(title)} width={176} height={176} data-test="qr" />;
}
