import type { Caution, RoomView } from "../node/types";
import { t } from "../words";
import { Icon } from "./icon";

/** What there is to be said against taking somebody for whom their name suggests; empty for nothing. */
export function cautionText(caution: Caution | undefined): string {
  if (!caution) return "";
  return caution.why === "alike" ? t.caution.alike(caution.like ?? "") : t.caution.mixed;
}

/** The same, of somebody whom a room names. */
export const cautionIn = (room: RoomView, person: string): string => cautionText(room.cautions?.find((one) => one.person === person));

/** The mark beside such a name. */
export function CautionMark({ text }: { text: string }) {
  if (!text) return null;
  return (
    <span class="caution" title={text} data-test="caution">
      <Icon name="alert" />
      <span class="unseen">{text}</span>
    </span>
  );
}

/** The sentence itself, where somebody is looked at, or is about to be paid. */
export function CautionNote({ text, person }: { text: string; person: string }) {
  if (!text) return null;
  return (
    <p class="banner caution-note" role="note" data-test="caution-note">
      <Icon name="alert" />
      <span>
        {text} <span class="hint">{t.caution.key(person.slice(0, 6))}</span>
      </span>
    </p>
  );
}
