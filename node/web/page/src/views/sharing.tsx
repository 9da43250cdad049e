import { useEffect, useId } from "preact/hooks";
import type { Split } from "../node/types";
import { Icon } from "../parts/icon";
import { loadPeople, people } from "../people";
import { useStore } from "../store";
import { percent, t } from "../words";
import { complain } from "../parts/action";

/** What a host shares of each price, as it is being typed. */
export interface Sharing {
  relays: string; // percent
  others: Other[];
}

interface Other {
  to: "co-host" | "charity";
  who: string; // a name that is known, or a key
  part: string; // percent
}

export const usualSharing: Sharing = { relays: "2", others: [] };

const all = 10_000;
const keyLength = 52;

/** A percentage in basis points; null if it is none. */
function points(text: string): number | null {
  const plain = text.trim().replace(/\s*%$/, "").replace(",", ".");
  if (!/^\d{1,3}(\.\d{1,2})?$/.test(plain)) return null;
  const n = Math.round(Number(plain) * 100);
  return n <= all ? n : null;
}

/** Whose key somebody means: a key, or the name of just one whom this person knows. */
function keyOf(who: string): string | null {
  const text = who.trim();
  if (text.length === keyLength && /^[a-z2-7]+$/.test(text)) return text;
  const found = (people.get().list ?? []).filter((one) => one.name.toLowerCase() === text.toLowerCase());
  return found.length === 1 && text ? found[0]!.person : null;
}

/** What is left to the host, in basis points; null while something cannot be read. */
function kept({ relays, others }: Sharing): number | null {
  let left = all;
  for (const part of [relays, ...others.map((one) => one.part)]) {
    const n = points(part);
    if (n === null) return null;
    left -= n;
  }
  return left;
}

/** What is wrong with it; empty: nothing. */
export function wrongSharing(sharing: Sharing): string {
  const left = kept(sharing);
  if (left === null) return t.sharing.noPart;
  if (left < 0) return t.sharing.tooMuch;
  const seen = new Set<string>();
  for (const { to, who, part } of sharing.others) {
    const key = keyOf(who);
    if (!key) return t.sharing.nobody(who.trim());
    if (points(part) === 0) return t.sharing.noPart;
    if (seen.has(to + key)) return t.sharing.twice(who.trim());
    seen.add(to + key);
  }
  return "";
}

/** As the node is told. */
export function splitOf({ relays, others }: Sharing): Split[] {
  const split: Split[] = others.map(({ to, who, part }) => ({ to, key: keyOf(who) ?? "", basis_points: points(part) ?? 0 }));
  const pool = points(relays) ?? 0;
  return pool > 0 ? [...split, { to: "relays", basis_points: pool }] : split;
}

/** "70 % the host, 10 % Bo, 20 % relays that carry the room". */
export function splitWords(split: readonly Split[], host: string): string {
  const left = split.reduce((rest, one) => rest - one.basis_points, all);
  const parts = split.map((one) => t.sharing.part(percent(one.basis_points / all), one.to, one.name || one.key?.slice(0, 6) || ""));
  return [t.sharing.hosts(percent(left / all), host), ...parts].join(", ");
}

interface Properties {
  sharing: Sharing;
  wrong: string | undefined;
  onChange: (sharing: Sharing) => void;
}

/** Who gets a part of what comes in, and what the host keeps. */
export function SharingPart({ sharing, wrong, onChange }: Properties) {
  const id = useId();
  const { list } = useStore(people, (s) => s);
  useEffect(() => {
    if (!list) loadPeople().catch(complain);
  }, []);
  const left = kept(sharing);
  const change = (at: number, next: Partial<Other>) =>
    onChange({ ...sharing, others: sharing.others.map((one, i) => (i === at ? { ...one, ...next } : one)) });
  return (
    <fieldset class="sharing" data-test="sharing">
      <legend>{t.sharing.title}</legend>
      <div class="share-row">
        <label for={`${id}-relays`}>{t.sharing.relays}</label>
        <Percent id={`${id}-relays`} test="share-relays" value={sharing.relays} onInput={(relays) => onChange({ ...sharing, relays })} />
      </div>
      {sharing.others.map((one, i) => (
        <div class="share-row" key={i} data-test="share-row">
          <select
            class="field short"
            aria-label={t.sharing.kind}
            value={one.to}
            data-test="share-to"
            onChange={(event) => change(i, { to: event.currentTarget.value === "charity" ? "charity" : "co-host" })}
          >
            <option value="co-host">{t.sharing.coHost}</option>
            <option value="charity">{t.sharing.charity}</option>
          </select>
          <input
            class="field"
            aria-label={t.sharing.who}
            placeholder={t.sharing.who}
            autoComplete="off"
            list={`${id}-people`}
            value={one.who}
            data-test="share-who"
            onInput={(event) => change(i, { who: event.currentTarget.value })}
          />
          <Percent id={`${id}-${i}`} label={t.sharing.part(t.sharing.percent, one.to, one.who)} test="share-part" value={one.part} onInput={(part) => change(i, { part })} />
          <button
            type="button"
            class="button plain"
            aria-label={t.sharing.drop(one.who)}
            data-test="share-drop"
            onClick={() => onChange({ ...sharing, others: sharing.others.filter((_, at) => at !== i) })}
          >
            <Icon name="close" />
          </button>
        </div>
      ))}
      <datalist id={`${id}-people`}>
        {(list ?? []).map((one) => (
          <option key={one.person} value={one.name} />
        ))}
      </datalist>
      <button
        type="button"
        class="button"
        data-test="share-add"
        onClick={() => onChange({ ...sharing, others: [...sharing.others, { to: "co-host", who: "", part: "10" }] })}
      >
        <Icon name="plus" />
        <span>{t.sharing.add}</span>
      </button>
      <p class="share-left" aria-live="polite" data-test="share-left">
        {left === null || left < 0 ? t.sharing.notYet : t.sharing.keep(percent(left / all))}
      </p>
      {wrong && (
        <p class="wrong" role="alert" data-test="share-wrong">
          {wrong}
        </p>
      )}
    </fieldset>
  );
}

function Percent({ id, label, test, value, onInput }: { id: string; label?: string; test: string; value: string; onInput: (value: string) => void }) {
  return (
    <span class="price-field">
      <input
        id={id}
        class="field percent"
        inputMode="decimal"
        autoComplete="off"
        aria-label={label}
        value={value}
        data-test={test}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      <span class="price-unit">%</span>
    </span>
  );
}
