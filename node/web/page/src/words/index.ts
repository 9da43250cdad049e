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
const languages = new Intl.DisplayNames([t.lang], { type: "language", fallback: "none" });

export const percent = (share: number): string => percents.format(share);
export const wholePercent = (share: number): string => wholePercents.format(share);
export const seconds = (ms: number): string => tenths.format(ms / 1000);
export const number = (n: number): string => whole.format(n);
export const timeOfDay = (unixMs: number): string => clock.format(unixMs);

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
