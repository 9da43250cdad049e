import { useState } from "preact/hooks";
import { heard } from "../node/quality";
import type { Hop, Quality, QualityEvent } from "../node/types";
import { Dialog } from "../parts/dialog";
import { useStore } from "../store";
import { percent, seconds, t } from "../words";

interface Properties {
  room: string;
  quality: Quality | null;
  delayed: boolean; // the audience is told how far behind it is
}

/** The quality in words; the node's own words win, since it knows more. A click shows how it was of late. */
export function QualityLine({ room, quality, delayed }: Properties) {
  const [open, setOpen] = useState(false);
  if (!quality) return null;
  return (
    <>
      <button
        type="button"
        class={`quality ${quality.state}`}
        aria-haspopup="dialog"
        data-test="quality"
        data-state={quality.state}
        onClick={() => setOpen(true)}
      >
        <span class="quality-mark" aria-hidden="true" />
        <span>
          {quality.text || t.quality[quality.state]}
          {delayed && quality.delay_ms > 0 && <span class="quiet"> · {t.quality.delay(seconds(quality.delay_ms))}</span>}
        </span>
      </button>
      {open && <QualityDialog room={room} onClose={() => setOpen(false)} />}
    </>
  );
}

const none: readonly QualityEvent[] = [];

function QualityDialog({ room, onClose }: { room: string; onClose: () => void }) {
  const list = useStore(heard, (h) => (h.room === room ? h.seconds : none));
  const last = list.at(-1);
  return (
    <Dialog title={t.plot.title} test="quality-dialog" onClose={onClose}>
      {last ? (
        <>
          <p data-test="quality-words">{last.text || t.quality[last.state]}</p>
          <Plot list={list} />
          <dl class="figures">
            <Figure name={t.plot.delay} value={t.plot.milliseconds(last.delay_ms)} look="delay" />
            <Figure name={t.plot.lost} value={percent(last.concealed)} look="lost" />
            <Figure name={t.plot.buffer} value={t.plot.milliseconds(last.buffer_ms)} />
          </dl>
          {last.way && last.way.length > 0 && <Way hops={last.way} />}
        </>
      ) : (
        <p class="hint">{t.plot.none}</p>
      )}
    </Dialog>
  );
}

/** By whom the sound comes from the host to here. */
function Way({ hops }: { hops: readonly Hop[] }) {
  const known = hops.every((hop) => hop.rtt_ms > 0);
  const whole = hops.reduce((sum, hop) => sum + hop.rtt_ms, 0);
  return (
    <section class="stack" data-test="way" data-hops={hops.length}>
      <h3>{t.way.title}</h3>
      <ol class="hops">
        <li>{t.way.you}</li>
        {hops.map((hop, i) => (
          <li key={i}>
            <bdi>{hop.name}</bdi>
            {i === hops.length - 1 && <span class="quiet"> ({t.way.host})</span>}
          </li>
        ))}
      </ol>
      <p class="hint">{known ? t.way.length(hops.length, Math.max(1, Math.round(whole))) : t.way.hops(hops.length)}</p>
    </section>
  );
}

function Figure({ name, value, look }: { name: string; value: string; look?: string }) {
  return (
    <div>
      <dt>
        {look && <span class={`plot-key ${look}`} aria-hidden="true" />}
        {name}
      </dt>
      <dd>{value}</dd>
    </div>
  );
}

const width = 360;
const height = 120;
const span = 120; // seconds across
const leastTop = 200; // ms: below, a plot would make much of nothing

/** Delay as a line, loss as bars from below; the newest is at the end. */
function Plot({ list }: { list: readonly QualityEvent[] }) {
  const delays = list.map((second) => second.delay_ms);
  const top = Math.ceil(Math.max(leastTop, ...delays) / 100) * 100;
  const x = (i: number) => width - ((list.length - 1 - i) * width) / (span - 1);
  const y = (ms: number) => height - (ms / top) * (height - 8);
  const line = delays.map((ms, i) => `${x(i).toFixed(1)},${y(ms).toFixed(1)}`).join(" ");
  const bars = list.map((second, i) => (second.concealed > 0 ? `M${x(i).toFixed(1)} ${height}v${(-Math.max(3, second.concealed * height)).toFixed(1)}` : "")).join("");
  const known = delays.filter((ms) => ms > 0);
  const lost = list.reduce((sum, second) => sum + second.concealed, 0) / list.length;
  const text = t.plot.summary(
    list.length,
    known.length > 0 ? Math.min(...known) : 0,
    Math.max(0, ...known),
    percent(lost),
    percent(Math.max(...list.map((second) => second.concealed))),
  );
  return (
    <figure class="plot" data-test="plot" data-seconds={list.length}>
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={text} dir="ltr">
        <path class="plot-grid" d={`M0 ${y(top)}H${width}M0 ${y(top / 2)}H${width}M0 ${height - 0.5}H${width}`} />
        <path class="plot-lost" d={bars} />
        <polyline class="plot-delay" points={list.length > 1 ? line : `${width - 3},${y(delays[0]!)} ${line}`} />
      </svg>
      <span class="plot-top">{t.plot.milliseconds(top)}</span>
      <figcaption class="plot-foot" aria-hidden="true">
        <span>{t.plot.ago(span)}</span>
        <span>{t.plot.now}</span>
      </figcaption>
    </figure>
  );
}
