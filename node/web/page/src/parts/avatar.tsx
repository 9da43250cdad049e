// A person's face: initials on a colour that stays theirs, since it comes from their key.

const hues = [18, 42, 75, 140, 175, 215, 265, 330];

function hueOf(person: string): number {
  let sum = 0;
  for (const char of person) sum = (sum * 31 + char.codePointAt(0)!) >>> 0;
  return hues[sum % hues.length]!;
}

function initials(name: string): string {
  const words = name.trim().split(/\s+/).filter(Boolean);
  const first = (word: string | undefined) => (word ? [...word][0]! : "");
  return (first(words[0]) + (words.length > 1 ? first(words.at(-1)) : "")).toLocaleUpperCase() || "?";
}

export function Avatar({ person, name }: { person: string; name: string }) {
  return (
    <span class="avatar" style={{ "--hue": hueOf(person) }} aria-hidden="true">
      {initials(name)}
    </span>
  );
}
