import { useEffect, useState } from "preact/hooks";
import { api } from "../node/api";
import type { Claim, EarnedShare, GoingShare, OwedShare, Shares } from "../node/types";
import { complain } from "../parts/action";
import { Avatar } from "../parts/avatar";
import { Icon } from "../parts/icon";
import { t } from "../words";
import { money, parseMoney } from "../words/money";

const every = 5000; // ms

/** What one earns of what others sell, and what others are owed of what one sells oneself. */
export function SharesPart() {
  const [shares, setShares] = useState<Shares | null>(null);
  const [claims, setClaims] = useState<readonly Claim[]>([]);
  const [asked, setAsked] = useState(0); // counts up
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const ask = async () => {
      const found = await Promise.all([api.shares(), api.claims()]).catch(() => null); // the next answer may be a better one
      if (gone) return;
      if (found) {
        setShares(found[0]);
        setClaims(found[1]);
      }
      timer = window.setTimeout(() => void ask(), every);
    };
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [asked]);
  const owed = (shares?.owed ?? []).filter((one) => lines(one).length > 0);
  const earned = shares?.earned ?? [];
  if (!shares || owed.length + earned.length + claims.length === 0) return null;
  const again = () => setAsked((n) => n + 1);
  return (
    <section class="sheet part" aria-labelledby="wallet-shares" data-test="wallet-shares">
      <h2 id="wallet-shares">{t.shares.title}</h2>
      {claims.length > 0 && <Claims list={claims} again={again} />}
      {earned.length > 0 && <EarnedList list={earned} />}
      {owed.length > 0 && <OwedList list={owed} away={(shares.going ?? []).filter((one) => one.away)} again={again} />}
    </section>
  );
}

/** What others say that they have paid. */
function Claims({ list, again }: { list: readonly Claim[]; again: () => void }) {
  const [busy, setBusy] = useState("");
  const came = async (claim: string) => {
    if (busy) return;
    setBusy(claim);
    await api.received(claim).catch(complain);
    setBusy("");
    again();
  };
  return (
    <ul class="rows" data-test="claims">
      {list.map((one) => (
        <li key={one.claim} class="line-row">
          <span class="line-what">
            <strong>{t.shares.claim(money(one.money), one.means)}</strong>
            <span class="hint">{t.shares.claimText}</span>
          </span>
          <button type="button" class="button" data-test="claim-came" aria-disabled={busy === one.claim} onClick={() => void came(one.claim)}>
            <Icon name="check" />
            <span>{t.shares.came}</span>
          </button>
        </li>
      ))}
    </ul>
  );
}

function EarnedList({ list }: { list: readonly EarnedShare[] }) {
  return (
    <>
      <h3>{t.shares.earned}</h3>
      <ul class="rows" data-test="earned">
        {list.map((one) => (
          <li key={one.from.person + one.to + one.total} class="line-row">
            <Avatar person={one.from.person} name={one.from.name} />
            <span class="line-what">
              <strong>
                <bdi>{one.from.name || t.wallet.key(one.from.person.slice(0, 6))}</bdi>
              </strong>
              <span class="hint">
                {t.shares.as[one.to] ?? one.to}
                {isSome(one.owed) && ` · ${t.shares.toCome(money(one.owed))}`}
              </span>
            </span>
            <span class="line-sum">{money(one.total)}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

const unitOf = (text: string): string | undefined => parseMoney(text)?.unit;

const isSome = (text: string): boolean => (parseMoney(text)?.value ?? 0) !== 0;

/** How far somebody's shares are. away says that nobody can tell of some. */
function lines(one: OwedShare, away = false): string[] {
  const list = (one.waits ?? []).map(({ to, money: sum }) => ((parseMoney(sum)?.value ?? 0) < 0 ? t.shares.over(money(sum.slice(1))) : t.shares.waits(money(sum), to)));
  if (isSome(one.left)) list.push(t.shares.left(money(one.left)));
  if (isSome(one.going)) list.push(t.shares.going(money(one.going)));
  if (away) list.push(t.shares.away);
  if (isSome(one.paid)) list.push(t.shares.paid(money(one.paid)));
  return list;
}

function OwedList({ list, away, again }: { list: readonly OwedShare[]; away: readonly GoingShare[]; again: () => void }) {
  const [busy, setBusy] = useState(false);
  const [sure, setSure] = useState<"" | "hand" | "lightning">("");
  const [said, setSaid] = useState("");
  const lightning = list.some((one) => unitOf(one.least) === "sat");
  const pay = async (rail: "iou" | "hand" | "lightning") => {
    if (busy) return;
    setBusy(true);
    try {
      const { done } = await api.payOut(rail);
      const problems = (done ?? []).filter((one) => one.problem).map((one) => `${one.name || t.wallet.key(one.person.slice(0, 6))}: ${one.problem}`);
      setSaid(done && done.length > 0 ? [...(problems.length < done.length ? [t.shares.done[rail]] : []), ...problems].join(" ") : t.shares.nothing);
    } catch (error) {
      complain(error);
    }
    setBusy(false);
    setSure("");
    again();
  };
  return (
    <>
      <h3>{t.shares.owed}</h3>
      <ul class="rows" data-test="owed">
        {list.map((one) => (
          <li key={one.person + one.least} class="line-row">
            <Avatar person={one.person} name={one.name} />
            <span class="line-what">
              <strong>
                <bdi>{one.name || t.wallet.key(one.person.slice(0, 6))}</bdi>
              </strong>
              <span class="hint">{lines(one, away.some(({ to, money: sum }) => to.person === one.person && unitOf(sum) === unitOf(one.least))).join(" · ")}</span>
            </span>
          </li>
        ))}
      </ul>
      <p class="hint">{t.shares.text(money(list[0]!.least))}</p>
      <div class="row">
        <button type="button" class="button" data-test="payout-iou" aria-disabled={busy} onClick={() => void pay("iou")}>
          {t.shares.tell}
        </button>
        {!sure && (
          <button type="button" class="button" data-test="payout-hand" onClick={() => setSure("hand")}>
            {t.shares.sent}
          </button>
        )}
        {!sure && lightning && (
          <button type="button" class="button" data-test="payout-lightning" onClick={() => setSure("lightning")}>
            {t.shares.lightning}
          </button>
        )}
        {sure && (
          <button type="button" class="button primary" data-test="payout-sure" aria-disabled={busy} onClick={() => void pay(sure)}>
            {sure === "hand" ? t.shares.sure : t.shares.sureLightning}
          </button>
        )}
      </div>
      <p class="hint" role="status" data-test="payout-said">
        {said}
      </p>
    </>
  );
}
