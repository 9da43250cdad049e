// Choosing the microphone and the loudspeaker.
import { useEffect, useId } from "preact/hooks";
import { canChooseOutput, choose, devices, listDevices, type Device } from "../sound/devices";
import { useStore } from "../store";
import { t } from "../words";

/** With `bare` the label is only heard: something beside it says the same. */
export function MicrophoneChoice({ bare }: { bare?: boolean }) {
  const { inputs, input } = useStore(devices, (d) => d);
  useEffect(() => void listDevices(), []);
  return (
    <Choice
      label={t.sound.microphone}
      bare={bare ?? false}
      test="mic-select"
      list={inputs}
      chosen={input}
      unnamed={t.sound.unnamed}
      kind="input"
    />
  );
}

/** Nothing, in a browser that leaves the choice to the system. */
export function SpeakerChoice() {
  const { outputs, output } = useStore(devices, (d) => d);
  if (!canChooseOutput || outputs.length === 0) return null;
  return (
    <Choice
      label={t.sound.speaker}
      test="output-select"
      list={outputs}
      chosen={output}
      unnamed={t.sound.unnamedOut}
      kind="output"
    />
  );
}

interface Properties {
  label: string;
  bare?: boolean;
  test: string;
  list: Device[];
  chosen: string;
  kind: "input" | "output";
  unnamed: (n: number) => string;
}

function Choice({ label, bare, test, list, chosen, kind, unnamed }: Properties) {
  const id = useId();
  const there = list.some((device) => device.id === chosen);
  return (
    <div class="labelled">
      <label class={bare ? "unseen" : ""} for={id}>
        {label}
      </label>
      <select
        id={id}
        class="field"
        data-test={test}
        value={there ? chosen : ""}
        onChange={(event) => choose(kind, event.currentTarget.value)}
      >
        <option value="">{t.sound.standard}</option>
        {list.map((device, i) => (
          <option key={device.id} value={device.id}>
            {device.label || unnamed(i + 1)}
          </option>
        ))}
      </select>
    </div>
  );
}
