// The language of the page, and numbers and times as it writes them.
import { en, type Words } from "./en";

export const t: Words = en;

export function dressDocument(): void {
  document.documentElement.lang = t.lang;
  document.documentElement.dir = t.dir;
}

const percents = new Intl.NumberFormat(t.lang, { style: "percent", maximumFractionDigits: 1 });
const wholePercents = new Intl.NumberFormat(t.lang, { style: "percent" });
const tenths = new Intl.NumberFormat(t.lang, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const whole = new Intl.NumberFormat(t.lang);
// Times as the person's own region writes them, if it speaks the page's language.
const region = navigator.languages.find((tag) => tag.split("-")[0] === t.lang) ?? t.lang;
const clock = new Intl.DateTimeFormat(region, { hour: "numeric", minute: "2-digit" });
const calendar = new Intl.DateTimeFormat(region, { weekday: "short", day: "numeric", month: "short", hour: "numeric", minute: "2-digit" });
const languages = new Intl.DisplayNames([t.lang], { type: "language", fallback: "none" });

export const percent = (share: number): string => percents.format(share);
export const wholePercent = (share: number): string => wholePercents.format(share);
export const seconds = (ms: number): string => tenths.format(ms / 1000);
export const number = (n: number): string => whole.format(n);
export const timeOfDay = (unixMs: number): string => clock.format(unixMs);

const dates = new Intl.DateTimeFormat(region, { day: "numeric", month: "short" });

export const dateOnly = (unixMs: number): string => dates.format(unixMs);

/** "18:00" today, otherwise with the day. */
export function dateAndTime(unixMs: number): string {
  return new Date(unixMs).toDateString() === new Date().toDateString() ? clock.format(unixMs) : calendar.format(unixMs);
}

const units = [
  { unit: "day", ms: 86_400_000 },
  { unit: "hour", ms: 3_600_000 },
  { unit: "minute", ms: 60_000 },
  { unit: "second", ms: 1000 },
].map(({ unit, ms }) => ({ ms, format: new Intl.NumberFormat(region, { style: "unit", unit, unitDisplay: "short" }) }));

/** "2 hr 5 min": the largest unit that there is one of, and what is left in the next; below two minutes seconds. */
export function howLong(ms: number): string {
  const least = ms < 120_000 ? 1000 : 60_000;
  const whole = Math.max(0, Math.round(ms / least)) * least;
  const from = units.findIndex((u) => whole >= u.ms);
  if (from < 0) return units.at(-1)!.format.format(0);
  const [first, second] = [units[from]!, units[from + 1]];
  const left = second && second.ms >= least ? Math.floor((whole % first.ms) / second.ms) : 0;
  return first.format.format(Math.floor(whole / first.ms)) + (left > 0 ? ` ${second!.format.format(left)}` : "");
}

/** "4:07", for something that lasts. */
export function duration(ms: number): string {
  const all = Math.max(0, Math.floor(ms / 1000));
  return `${number(Math.floor(all / 60))}:${String(all % 60).padStart(2, "0")}`;
}

/** The name of a language in the page's own; empty for a tag that no one knows. */
export function languageName(tag: string): string {
  try {
    return (tag && languages.of(tag)) || "";
  } catch {
    return ""; // the tag came from another node and is no language tag
  }
}

/** The person's own language first, then those most spoken; all as tags. */
export function languageChoices(): string[] {
  const own = navigator.languages.map((tag) => tag.split("-")[0]!.toLowerCase());
  const common = ["en", "fr", "fa", "es", "pt", "de", "ar", "hi", "zh", "ja", "ru", "tr", "it", "pl", "uk", "sw", "id", "ko"];
  return [...new Set([...own, ...common])].filter((tag) => languageName(tag) !== "");
}
