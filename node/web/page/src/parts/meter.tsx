// How loud the microphone is now.
import { useEffect, useRef } from "preact/hooks";
import { t } from "../words";

const floor = -60; // dBFS at the meter's left end
const fall = 1.5; // dB a report, so that a peak can be seen

/** `watch` reports peaks in dBFS, twenty a second, until the function it returns is called. */
export function Meter({ watch }: { watch: (report: (peak: number) => void) => () => void }) {
  const meter = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let shown = floor;
    return watch((peak) => {
      shown = Math.max(floor, peak, shown - fall);
      const share = Math.min(1, (shown - floor) / -floor);
      meter.current?.style.setProperty("--level", share.toFixed(3));
      meter.current?.setAttribute("aria-valuenow", String(Math.round(share * 10) * 10));
    });
  }, [watch]);
  return (
    <div
      ref={meter}
      class="meter"
      role="meter"
      aria-label={t.sound.level}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={0}
      data-test="input-meter"
    />
  );
}
