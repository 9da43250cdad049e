import { useState } from "preact/hooks";
import type { Entry } from "../node/types";
import { dateOnly, t } from "../words";
import { parseMoney, sum } from "../words/money";

const day = 86_400_000; // ms; a day of summer time is an hour longer or shorter, which the calendar below knows
const days = 30;

// What a host earns, and what goes back of it. Money that is spent is no income below zero.
const kinds = ["sale", "report", "refund", "gift", "divide", "earned", "dispute"];

interface Earned {
  unit: string;
  digits: number;
  byDay: number[]; // the last is today
  all: number;
}

/** Net income of each currency, day by day. */
export function earned(entries: readonly Entry[], now: number): Earned[] {
  const found = new Map<string, Earned>();
  const today = midnight(now);
  for (const e of entries) {
    const net = kinds.includes(e.kind) && e.net ? parseMoney(e.net) : null;
    if (!net) continue;
    const one = found.get(net.unit) ?? { unit: net.unit, digits: net.digits, byDay: Array<number>(days).fill(0), all: 0 };
    found.set(net.unit, one);
    one.all += net.value;
    one.digits = Math.max(one.digits, net.digits);
    const ago = Math.round((today - midnight(e.time)) / day);
    if (ago >= 0 && ago < days) one.byDay[days - 1 - ago]! += net.value;
  }
  return [...found.values()].sort((a, b) => a.unit.localeCompare(b.unit));
}

const midnight = (ms: number): number => new Date(ms).setHours(0, 0, 0, 0);

/** What came in over the last month. */
export function Income({ entries }: { entries: readonly Entry[] }) {
  const list = earned(entries, Date.now());
  const [unit, choose] = useState("");
  const shown = list.find((one) => one.unit === unit) ?? list[0];
  if (!shown) return null;
  const month = shown.byDay.reduce((a, b) => a + b, 0);
  return (
    <section class="sheet part" aria-labelledby="income" data-test="income" data-unit={shown.unit}>
      <div class="row spread">
        <h2 id="income">{t.wallet.income}</h2>
        {list.length > 1 && (
          <select class="field short" aria-label={t.start.currency} value={shown.unit} data-test="income-unit" onChange={(event) => choose(event.currentTarget.value)}>
            {list.map((one) => (
              <option key={one.unit}>{one.unit}</option>
            ))}
          </select>
        )}
      </div>
      <Plot earned={shown} />
      <dl class="figures">
        <div>
          <dt>
            <span class="plot-key delay" aria-hidden="true" />
            {t.wallet.lastDays(days)}
          </dt>
          <dd>{sum(month, shown.unit, shown.digits)}</dd>
        </div>
        <div>
          <dt>{t.wallet.ever}</dt>
          <dd data-test="income-all">{sum(shown.all, shown.unit, shown.digits)}</dd>
        </div>
      </dl>
      <p class="hint">{t.wallet.incomeText}</p>
    </section>
  );
}

const width = 360;
const height = 120;

/** A bar a day; what went back, if more than came, goes below the line. */
function Plot({ earned: { byDay, unit, digits } }: { earned: Earned }) {
  const top = Math.max(...byDay, 0);
  const low = Math.min(...byDay, 0);
  const span = top - low || 1;
  const zero = 6 + (top / span) * (height - 12);
  const x = (i: number) => ((i + 0.5) * width) / days;
  const bars = byDay.map((v, i) => (v !== 0 ? `M${x(i).toFixed(1)} ${zero.toFixed(1)}v${((-v / span) * (height - 12)).toFixed(1)}` : "")).join("");
  const best = byDay.indexOf(top);
  const text = t.wallet.plot(days, sum(byDay.reduce((a, b) => a + b, 0), unit, digits), top > 0 ? sum(top, unit, digits) : "", daysAgo(best));
  return (
    <figure class="plot" data-test="income-plot">
      <svg viewBox={`0 0 ${width} ${height}`} preserveAspectRatio="none" role="img" aria-label={text} dir="ltr">
        <path class="plot-grid" d={`M0 6H${width}M0 ${zero.toFixed(1)}H${width}`} />
        <path class="plot-income" d={bars} />
      </svg>
      {top > 0 && <span class="plot-top">{sum(top, unit, digits)}</span>}
      <figcaption class="plot-foot" aria-hidden="true">
        <span>{daysAgo(0)}</span>
        <span>{t.wallet.today}</span>
      </figcaption>
    </figure>
  );
}

function daysAgo(place: number): string {
  const at = new Date();
  at.setDate(at.getDate() - (days - 1 - place));
  return dateOnly(at.getTime());
}
