// How long texts may be that the node shows to others: it counts characters, which people see, and bytes, which packets do.

export interface Limit {
  characters: number;
  bytes: number; // of UTF-8; reached first in scripts whose characters have three or four
}

export const titleLimit: Limit = { characters: 80, bytes: 160 };
export const nameLimit: Limit = { characters: 40, bytes: 64 };

/** How many characters a text has too many. */
export function excess(text: string, limit: Limit): number {
  const characters = [...text.normalize("NFC").trim().replace(/\s+/g, " ")];
  let bytes = 0;
  const fit = characters.findIndex((c, i) => i >= limit.characters || (bytes += utf8.encode(c).length) > limit.bytes);
  return fit < 0 ? 0 : characters.length - fit;
}

const utf8 = new TextEncoder();
