// Only one tab of a browser has the sound of this node: two would echo, and each would take the microphone's seat
// from the other. The one that has it holds a lock; another takes it when the person says so there.
import { Store } from "../store";

const lock = "salon.sound";

export const tab = new Store<{ here: boolean; elsewhere: boolean }>({ here: false, elsewhere: false });

let asked = false;

/** Asks for the sound, which needs doing only once; with `take`, takes it from the tab that has it. */
export async function claim(take = false): Promise<void> {
  if (asked && !take) return;
  asked = true;
  if (!("locks" in navigator)) return tab.set({ here: true, elsewhere: false });
  try {
    await navigator.locks.request(lock, take ? { steal: true } : { ifAvailable: true }, (held) => {
      if (!held) {
        tab.set({ here: false, elsewhere: true });
        return waitForIt();
      }
      tab.set({ here: true, elsewhere: false });
      return new Promise<void>(() => {}); // until the tab closes or another takes it
    });
  } catch {
    tab.set({ here: false, elsewhere: true });
    void waitForIt();
  }
}

// When the other tab closes, this one goes on by itself.
async function waitForIt(): Promise<void> {
  try {
    await navigator.locks.request(lock, () => {
      tab.set({ here: true, elsewhere: false });
      return new Promise<void>(() => {});
    });
  } catch {
    tab.set({ here: false, elsewhere: true });
    void waitForIt();
  }
}
