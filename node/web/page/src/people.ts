// The personal list: whom this person muted, or blocked, for themselves alone. It lives with the node.
import { api } from "./node/api";
import { notify } from "./node/world";
import type { Known, Named } from "./node/types";
import { Store } from "./store";
import { t } from "./words";

export const people = new Store<{ list: Known[] | null }>({ list: null }); // null until it was asked for

// Questions and answers, in the order in which they came about: an answer to a question that was asked before the list that
// is shown came here is older than that list, and is let go.
let moment = 0;
let taken = 0; // the moment of the list that is shown

export async function loadPeople(): Promise<void> {
  const asked = ++moment;
  const list = await api.people();
  if (asked > taken) take(list);
}

/** Takes the list as the node tells it, or as it is after a change. */
export function take(list: Known[]): void {
  taken = ++moment;
  people.set({ list });
}

type Marks = Pick<Known, "blocked" | "muted">;

/** Mutes or blocks somebody, or no longer, and offers to take that back. */
export async function mark({ person, name }: Named, marks: Marks): Promise<void> {
  if (!people.get().list) await loadPeople();
  const before = people.get().list?.find((one) => one.person === person);
  await keep({ person, name, ...marks });
  notify("info", told(name, before, marks), {
    undo: () => {
      // Only what this changed: there may have been another since.
      const now = people.get().list?.find((one) => one.person === person) ?? { person, name, blocked: false, muted: false };
      const was = before ?? { blocked: false, muted: false };
      return keep({
        ...now,
        ...(marks.blocked !== was.blocked && { blocked: was.blocked }),
        ...(marks.muted !== was.muted && { muted: was.muted }),
      });
    },
  });
}

async function keep(one: Known): Promise<void> {
  await api.keepPerson(one);
  const others = (people.get().list ?? []).filter((other) => other.person !== one.person);
  const list = one.blocked || one.muted ? [...others, one] : others;
  take(list.sort((a, b) => a.name.localeCompare(b.name) || (a.person < b.person ? -1 : 1)));
}

/** Says the one thing that changed; the stronger, if both did. */
function told(name: string, before: Marks | undefined, after: Marks): string {
  if (after.blocked !== (before?.blocked ?? false)) return after.blocked ? t.people.nowBlocked(name) : t.people.nowUnblocked(name);
  if (after.muted) return t.people.nowMuted(name);
  return after.blocked ? t.people.stillBlocked(name) : t.people.nowUnmuted(name);
}
