// Numbers in English sentences.

const plural = new Intl.PluralRules("en");
export const count = new Intl.NumberFormat("en");

export function many(n: number, one: string, other: string): string {
  return `${count.format(n)} ${plural.select(n) === "one" ? one : other}`;
}
