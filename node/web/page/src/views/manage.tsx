import type { ComponentChildren } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { api } from "../node/api";
import { putRoom } from "../node/world";
import type { Action, Face, Named, RoomView } from "../node/types";
import { complain, useAction } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { Choice } from "../parts/choice";
import { Dialog } from "../parts/dialog";
import { t } from "../words";

/** What the host decides about the whole room, and about people who are not on its stage. */
export function ManageDialog({ room, onClose }: { room: RoomView; onClose: () => void }) {
  const [busy, run] = useAction();
  const act = (action: Action, person?: string) =>
    void run(async () => putRoom(await api.act(room.id, action, person ? { person } : {})));
  const speakers = (room.stage ?? []).filter((seat) => seat.role !== "host");
  const removed = room.removed ?? [];
  return (
    <Dialog title={t.manage.title} test="manage-dialog" onClose={onClose}>
      <div class="menu">
        {speakers.some((seat) => !seat.muted) && (
          <Choice icon="micOff" test="mute-all" text={t.manage.muteAll} hint={t.manage.muteAllHint} busy={busy} onClick={() => act("mute_all")} />
        )}
        {room.hands_closed ? (
          <Choice icon="hand" test="open-hands" text={t.manage.openHands} hint={t.manage.openHandsHint} busy={busy} onClick={() => act("open_hands")} />
        ) : (
          <Choice icon="hand" test="close-hands" text={t.manage.closeHands} hint={t.manage.closeHandsHint} busy={busy} onClick={() => act("close_hands")} />
        )}
        {room.locked ? (
          <Choice icon="unlocked" test="unlock" text={t.manage.unlock} hint={t.manage.unlockHint} busy={busy} onClick={() => act("unlock")} />
        ) : (
          <Choice icon="locked" test="lock" text={t.manage.lock} hint={t.manage.lockHint} busy={busy} onClick={() => act("lock")} />
        )}
      </div>
      <Audience room={room} busy={busy} act={act} />
      {removed.length > 0 && (
        <section class="stack" data-test="removed">
          <h3>{t.manage.removed}</h3>
          <ul class="hands">
            {removed.map((one) => (
              <Row key={one.person} one={one}>
                <button
                  type="button"
                  class="button"
                  data-test="readmit"
                  aria-label={t.manage.readmitLabel(one.name)}
                  aria-disabled={busy}
                  onClick={() => act("readmit", one.person)}
                >
                  {t.manage.readmit}
                </button>
              </Row>
            ))}
          </ul>
        </section>
      )}
    </Dialog>
  );
}

interface AudienceProperties {
  room: RoomView;
  busy: boolean;
  act: (action: Action, person: string) => void;
}

const most = 100; // people shown at once; whoever looks for one of more types a part of the name

function Audience({ room, busy, act }: AudienceProperties) {
  const people = useAudience(room);
  const [wanted, setWanted] = useState("");
  const [asking, setAsking] = useState("");
  const id = useId();
  const found = people.filter((one) => one.name.toLowerCase().includes(wanted.trim().toLowerCase()));
  return (
    <section class="stack" data-test="audience">
      <h3>
        {t.manage.audience} {people.length > 0 && <span class="count">{people.length}</span>}
      </h3>
      {people.length === 0 && <p class="hint">{t.manage.nobody}</p>}
      {people.length > 8 && (
        <div class="labelled">
          <label for={id}>{t.manage.find}</label>
          <input id={id} type="search" value={wanted} data-test="find-person" onInput={(event) => setWanted(event.currentTarget.value)} />
        </div>
      )}
      {people.length > 0 && found.length === 0 && <p class="hint">{t.manage.notFound}</p>}
      <ul class="hands">
        {found.slice(0, most).map((one) => (
          <Row key={one.person} one={one} hint={one.invited ? t.manage.isInvited : one.hand ? t.manage.handUp : undefined}>
            {asking === one.person ? (
              <>
                <button type="button" class="button" autoFocus onClick={() => setAsking("")}>
                  {t.app.cancel}
                </button>
                <button
                  type="button"
                  class="button danger"
                  data-test="remove-listener-confirm"
                  aria-label={t.manage.removeLabel(one.name)}
                  aria-disabled={busy}
                  onClick={() => act("remove", one.person)}
                >
                  {t.person.removeYes}
                </button>
              </>
            ) : (
              <>
                <button type="button" class="button plain" data-test="remove-listener" aria-label={t.manage.removeLabel(one.name)} onClick={() => setAsking(one.person)}>
                  {t.person.removeYes}
                </button>
                <button
                  type="button"
                  class="button"
                  data-test={one.invited ? "uninvite" : "invite-listener"}
                  aria-label={one.invited ? t.manage.uninviteLabel(one.name) : t.manage.inviteLabel(one.name)}
                  aria-disabled={busy}
                  onClick={() => act(one.hand ? "grant" : one.invited ? "decline" : "invite", one.person)}
                >
                  {one.hand ? t.room.grant : one.invited ? t.manage.uninvite : t.manage.invite}
                </button>
              </>
            )}
          </Row>
        ))}
      </ul>
      {found.length > most && <p class="hint">{t.manage.more(found.length - most)}</p>}
    </section>
  );
}

function Row({ one, hint, children }: { one: Named; hint?: string | undefined; children: ComponentChildren }) {
  return (
    <li class="hand" data-test="one" data-person={one.person}>
      <Avatar person={one.person} name={one.name} />
      <span class="hand-name">
        <bdi>{one.name}</bdi>
        {hint && <span class="hint">{hint}</span>}
      </span>
      <span class="row">{children}</span>
    </li>
  );
}

/** Who listens, asked anew whenever the room changed, but not more than once a second. */
function useAudience(room: RoomView): Face[] {
  const [people, setPeople] = useState<Face[]>([]);
  const [asked, setAsked] = useState(0);
  useEffect(() => {
    const timer = setTimeout(
      () => {
        setAsked(Date.now());
        api.inRoom(room.id).then(({ people }) => setPeople(people.filter((one) => !one.seated)), complain);
      },
      Math.max(0, asked + 1000 - Date.now()),
    );
    return () => clearTimeout(timer);
    // The room is another object after each change; asked belongs to this effect alone.
  }, [room]);
  return people;
}
