// Where sound is played: the one audio element of rooms, and the loudspeaker for it and others.
import { Store } from "../store";
import { canChooseOutput, devices } from "./devices";

const place = "salon.volume";

/** `blocked`: the browser waits for a click before it plays. */
export const output = new Store<{ blocked: boolean; volume: number }>({ blocked: false, volume: keptVolume() });

let element: HTMLAudioElement | undefined;

function player(): HTMLAudioElement {
  if (!element) {
    element = document.createElement("audio");
    element.autoplay = true;
    element.dataset["test"] = "room-audio";
    element.volume = output.get().volume;
    document.body.append(element);
    followSpeaker(element);
  }
  return element;
}

/** Plays the stream; null stops. */
export function playStream(stream: MediaStream | null): void {
  const audio = player();
  if (audio.srcObject === stream) return;
  audio.srcObject = stream;
  if (stream) void play();
  else output.set({ blocked: false });
}

/** Plays what is there; called again by the click that a browser waited for. */
export async function play(): Promise<void> {
  try {
    await player().play();
    output.set({ blocked: false });
  } catch (error) {
    // AbortError: another stream came in between, and its own call says how it went.
    if (error instanceof DOMException && error.name === "NotAllowedError") output.set({ blocked: true });
  }
}

export function setVolume(volume: number): void {
  output.set({ volume });
  player().volume = volume;
  try {
    localStorage.setItem(place, String(volume));
  } catch {
    // It then lasts as long as this tab.
  }
}

/** Plays the element on the loudspeaker that the person chose, until the returned function is called. */
export function followSpeaker(audio: HTMLAudioElement): () => void {
  let sink = "";
  const turn = () => {
    const wanted = devices.get().output;
    if (!canChooseOutput || wanted === sink) return;
    sink = wanted;
    // A device that is gone plays where the system says.
    audio.setSinkId(wanted).catch(() => audio.setSinkId("").catch(() => {}));
  };
  turn();
  return devices.subscribe(turn);
}

function keptVolume(): number {
  try {
    const kept = Number(localStorage.getItem(place) ?? 1);
    return kept >= 0 && kept <= 1 ? kept : 1;
  } catch {
    return 1;
  }
}
