// What somebody wrote: shown as it is, with links that can be clicked, and one's own name marked.
import type { ComponentChildren } from "preact";

interface Part {
  text: string;
  href?: string;
  mention?: boolean;
}

const link = /https?:\/\/[^\s<>"`]+/gi;
const trailing = /[.,;:!?'"’”»…)\]}]$/;
const pairs: Record<string, string> = { ")": "(", "]": "[", "}": "{" };

/** Cuts off what rather ends the sentence than the address, such as a full stop, or a bracket that was opened before it. */
function trimmed(url: string): string {
  for (let end = url; ; end = end.slice(0, -1)) {
    const last = end.at(-1) ?? "";
    if (!trailing.test(end)) return end;
    const opener = pairs[last];
    if (opener && end.split(opener).length >= end.split(last).length) return end;
  }
}

/** Whether the text says "@" and the name. */
export function mentions(text: string, name: string): boolean {
  return mentionAt(text, name, 0) >= 0;
}

function mentionAt(text: string, name: string, from: number): number {
  if (name === "") return -1;
  const low = folded(text);
  const wanted = folded(`@${name}`);
  for (let at = low.indexOf(wanted, from); at >= 0; at = low.indexOf(wanted, at + 1)) {
    const after = text.slice(at + wanted.length);
    const before = text.slice(0, at);
    if (!/^[\p{L}\p{N}_]/u.test(after) && !/[\p{L}\p{N}_]$/u.test(before)) return at;
  }
  return -1;
}

/** Without case, unless places in the text would move by that. */
function folded(text: string): string {
  const low = text.toLowerCase();
  return low.length === text.length ? low : text;
}

function* marked(text: string, name: string): Generator<Part> {
  let from = 0;
  for (let at = mentionAt(text, name, 0); at >= 0; at = mentionAt(text, name, from)) {
    if (at > from) yield { text: text.slice(from, at) };
    from = at + name.length + 1;
    yield { text: text.slice(at, from), mention: true };
  }
  if (from < text.length) yield { text: text.slice(from) };
}

export function* parts(text: string, name: string): Generator<Part> {
  let from = 0;
  for (const found of text.matchAll(link)) {
    const shown = trimmed(found[0]);
    const href = address(shown);
    if (!href) continue;
    yield* marked(text.slice(from, found.index), name);
    yield { text: shown, href };
    from = found.index + shown.length;
  }
  yield* marked(text.slice(from), name);
}

/** The address as the browser understands it; empty for what is none, or none of the web. */
function address(text: string): string {
  if (!URL.canParse(text)) return "";
  const url = new URL(text);
  return url.protocol === "http:" || url.protocol === "https:" ? url.href : "";
}

/** `me` is whose mention is marked. */
export function Text({ text, me }: { text: string; me: string }) {
  const shown: ComponentChildren[] = [];
  for (const part of parts(text, me)) {
    if (part.href) {
      shown.push(
        <a href={part.href} target="_blank" rel="noopener noreferrer nofollow" dir="ltr">
          {part.text}
        </a>,
      );
    } else shown.push(part.mention ? <mark>{part.text}</mark> : part.text);
  }
  return <>{shown}</>;
}
