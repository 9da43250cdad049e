// Says changes aloud to those who hear the page rather than see it.
import { Store, useStore } from "../store";

const spoken = new Store<{ text: string; turn: number }>({ text: "", turn: 0 });
const forgottenAfter = 8000; // ms; old words would be read again where the announcer moves into a dialog
let forget: ReturnType<typeof setTimeout> | undefined;

export function say(text: string): void {
  spoken.set({ text, turn: spoken.get().turn + 1 });
  clearTimeout(forget);
  forget = setTimeout(() => spoken.set({ text: "" }), forgottenAfter);
}

export function Announcer() {
  const { text, turn } = useStore(spoken, (s) => s);
  // The same words twice are said twice only if the text differs, so every other one ends in a space nobody hears.
  return (
    <div class="unseen" role="status" aria-live="polite" data-test="announcer">
      {text && text + (turn % 2 ? "\u00a0" : "")}
    </div>
  );
}
