import type { RefObject } from "preact";
import { useId } from "preact/hooks";
import { useNow } from "../parts/clock";
import { Option } from "../parts/option";
import { howLong, t } from "../words";

export const furthest = 366 * 86_400_000; // ms that a start may be ahead, as the node has it

interface Properties {
  starts: number | null; // unix ms; null: now; 0: later, and not yet said when
  wrong: string;
  field: RefObject<HTMLInputElement>;
  onChange: (starts: number | null) => void;
}

/** When a room starts: now, or at a time of this person's own clock. */
export function When({ starts, wrong, field, onChange }: Properties) {
  const id = useId();
  const later = starts !== null;
  const now = useNow(later ? 10_000 : 0);
  return (
    <fieldset>
      <legend>{t.start.when}</legend>
      <div class="options">
        <Option name="when" test="start-now" icon="play" title={t.start.now} text={t.start.nowText} checked={!later} onChoose={() => onChange(null)} />
        <Option name="when" test="start-later" icon="clock" title={t.start.later} text={t.start.laterText} checked={later} onChoose={() => onChange(soon())} />
      </div>
      {later && (
        <div class="labelled under">
          <label for={id}>{t.start.date}</label>
          <input
            ref={field}
            id={id}
            type="datetime-local"
            class="field short"
            value={starts ? local(starts) : ""}
            min={local(now)}
            max={local(now + furthest)}
            aria-invalid={wrong !== ""}
            aria-describedby={`${id}-hint`}
            data-test="start-at"
            onInput={(event) => onChange(new Date(event.currentTarget.value).getTime() || 0)}
          />
          {wrong ? (
            <p class="wrong" id={`${id}-hint`} role="alert" data-test="start-at-wrong">
              {wrong}
            </p>
          ) : (
            <p class="hint after" id={`${id}-hint`}>
              {starts > now ? t.start.inLong(howLong(Math.ceil((starts - now) / 60_000) * 60_000)) : starts > 0 ? t.start.past : t.start.noDate}
            </p>
          )}
        </div>
      )}
    </fieldset>
  );
}

/** The next half hour that leaves time to tell people. */
function soon(): number {
  const half = 30 * 60_000;
  return Math.ceil((Date.now() + half / 2) / half) * half;
}

/** A time as the field has it: of this clock, without its zone. */
function local(unixMs: number): string {
  const at = new Date(unixMs);
  const two = (n: number) => String(n).padStart(2, "0");
  const year = String(at.getFullYear()).padStart(4, "0"); // also while it is being typed
  return `${year}-${two(at.getMonth() + 1)}-${two(at.getDate())}T${two(at.getHours())}:${two(at.getMinutes())}`;
}
