// Which microphone and loudspeaker the person chose, and which there are.
import { Store } from "../store";

export interface Device {
  id: string;
  label: string; // empty until the page may use the microphone
}

export interface Devices {
  inputs: Device[];
  outputs: Device[];
  input: string; // chosen; empty: the system's standard device
  output: string;
}

const place = { input: "salon.microphone", output: "salon.speaker" };

export const canChooseOutput = "setSinkId" in HTMLMediaElement.prototype;

export const devices = new Store<Devices>({
  inputs: [],
  outputs: [],
  input: kept(place.input),
  output: kept(place.output),
});

export function choose(kind: "input" | "output", id: string): void {
  devices.set({ [kind]: id });
  try {
    localStorage.setItem(place[kind], id);
  } catch {
    // The choice then lasts as long as this tab.
  }
}

/** Reads the list again; browsers tell the names only once the microphone may be used. */
export async function listDevices(): Promise<void> {
  if (!navigator.mediaDevices?.enumerateDevices) return;
  const found = await navigator.mediaDevices.enumerateDevices();
  const of = (kind: MediaDeviceKind): Device[] =>
    found
      // "default" and "communications" only name one of the others again.
      .filter((d) => d.kind === kind && d.deviceId !== "" && d.deviceId !== "default" && d.deviceId !== "communications")
      .map((d) => ({ id: d.deviceId, label: d.label }));
  devices.set({ inputs: of("audioinput"), outputs: of("audiooutput") });
}

function kept(key: string): string {
  try {
    return localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

navigator.mediaDevices?.addEventListener("devicechange", () => void listDevices());
