// How long texts may be that the node shows to others: it counts characters, which people see, and bytes, which packets do.

export interface Limit {
  characters: number;
  bytes: number; // of UTF-8; reached first in scripts whose characters have three or four
}

export const titleLimit: Limit = { characters: 80, bytes: 160 };
export const nameLimit: Limit = { characters: 40, bytes: 64 };
export const messageLimit: Limit = { characters: 500, bytes: 1000 };

/** How many characters a text has too many. */
export function excess(text: string, limit: Limit): number {
  const characters = counted(text);
  let bytes = 0;
  const fit = characters.findIndex((c, i) => i >= limit.characters || (bytes += utf8.encode(c).length) > limit.bytes);
  return fit < 0 ? 0 : characters.length - fit;
}

/** How many characters more a text may have, if they are like those it has. */
export function space(text: string, limit: Limit): number {
  const characters = counted(text);
  const bytes = utf8.encode(characters.join("")).length;
  const each = characters.length === 0 ? 1 : bytes / characters.length;
  return Math.max(0, Math.min(limit.characters - characters.length, Math.floor((limit.bytes - bytes) / each)));
}

const counted = (text: string): string[] => [...text.normalize("NFC").trim().replace(/\s+/g, " ")];

const utf8 = new TextEncoder();
