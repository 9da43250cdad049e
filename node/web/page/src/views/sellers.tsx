import { useEffect, useId, useState } from "preact/hooks";
import { trade, type Lending, type Sellers } from "../node/trade";
import type { RoomView } from "../node/types";
import { notify } from "../node/world";
import { useAction } from "../parts/action";
import { Icon } from "../parts/icon";
import { Option } from "../parts/option";
import { dateAndTime, t } from "../words";
import { money } from "../words/money";

const every = 5000; // ms

/** Who sells what for whom, asked for again while one looks, and how to ask at once. */
export function useSellers(): [sellers: Sellers | null, ask: () => void] {
  const [sellers, setSellers] = useState<Sellers | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const ask = async () => {
      const found = await trade.sellers().catch(() => null); // the next answer may be a better one
      if (gone) return;
      if (found) setSellers(found);
      timer = window.setTimeout(() => void ask(), every);
    };
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [turn]);
  return [sellers, () => setTurn((n) => n + 1)];
}

const nameOf = (one: Lending): string => one.name || t.lending.deviceName(one.seller.slice(0, 6));

/** Who sells seats of one's own room besides this node; `left` seats can be lent. */
export function OtherSellers({ room, left }: { room: RoomView; left: number }) {
  const [sellers, ask] = useSellers();
  const [lending, setLending] = useState(false);
  const lent = (sellers?.lent ?? []).filter((one) => one.room === room.id);
  return (
    <section class="stack tight" data-test="lending">
      <h3>{t.lending.title}</h3>
      <p class="hint">{t.lending.text}</p>
      {lent.length > 0 && (
        <ul class="rows">
          {lent.map((one) => (
            <Lent key={one.id} one={one} onChange={ask} />
          ))}
        </ul>
      )}
      {left > 0 && !lending && (
        <div class="row">
          <button type="button" class="button" data-test="lend-open" onClick={() => setLending(true)}>
            <Icon name="people" />
            <span>{t.lending.open}</span>
          </button>
        </div>
      )}
      {left > 0 && lending && <LendForm room={room} left={left} busyNames={lent.filter((one) => !one.back).map((one) => one.name)} onChange={() => (setLending(false), ask())} onCancel={() => setLending(false)} />}
    </section>
  );
}

function Lent({ one, onChange }: { one: Lending; onChange: () => void }) {
  const [busy, run] = useAction();
  const name = nameOf(one);
  const takeBack = () =>
    run(async () => {
      await trade.takeBack(one.seller);
      notify("info", t.lending.tookBack(name));
      onChange();
    });
  return (
    <li class="line-row" data-test="lent" data-sold={one.sold} data-back={one.back} data-seller-paid={one.payee !== one.host.person}>
      <Icon name="people" />
      <span class="line-what">
        <strong>
          <bdi>{name}</bdi>
        </strong>
        <span class="hint">
          {t.lending.sold(one.sold, one.seats)}; {one.payee !== one.host.person && `${t.lending.paidThem}; `}
          {one.back ? t.lending.back : t.lending.until(dateAndTime(one.expires))}
        </span>
      </span>
      {!one.back && (
        <button type="button" class="button" aria-label={t.lending.takeBackLabel(name)} data-test="take-back-seats" aria-disabled={busy} onClick={() => void takeBack()}>
          {t.lending.takeBack}
        </button>
      )}
    </li>
  );
}

const device = "device"; // chosen instead of a person

interface LendProperties {
  room: RoomView;
  left: number;
  busyNames: readonly string[]; // of those who sell already
  onChange: () => void;
  onCancel: () => void;
}

function LendForm({ room, left, busyNames, onChange, onCancel }: LendProperties) {
  const id = useId();
  const people = (room.co_hosts ?? []).filter((one) => one.person !== room.me.person && !busyNames.includes(one.name));
  const [who, setWho] = useState("");
  const [key, setKey] = useState("");
  const [seats, setSeats] = useState("");
  const [theirs, setTheirs] = useState(false); // the money
  const [wrong, setWrong] = useState(false);
  const [busy, run] = useAction();
  const chosen = who || (people[0]?.person ?? device);
  const name = people.find((one) => one.person === chosen)?.name; // of a device it is not known whose it is
  const lend = () => {
    const n = Number(seats);
    if (!/^\d+$/.test(seats.trim()) || n < 1 || n > left) {
      setWrong(true);
      document.getElementById(`${id}-seats`)?.focus();
      return;
    }
    void run(async () => {
      const made = await trade.lend(room.id, chosen === device ? key.trim() : chosen, n, theirs && name !== undefined);
      notify("info", t.lending.lent(n, name ?? nameOf(made)));
      onChange();
    });
  };
  return (
    <form
      class="price-part"
      noValidate
      data-test="lend-form"
      onSubmit={(event) => {
        event.preventDefault();
        lend();
      }}
    >
      <div class="price-fields">
        <div class="labelled">
          <label for={`${id}-who`}>{t.lending.who}</label>
          <select id={`${id}-who`} class="field" value={chosen} data-test="lend-who" onChange={(event) => setWho(event.currentTarget.value)}>
            {people.map(({ person, name }) => (
              <option key={person} value={person}>
                {name}
              </option>
            ))}
            <option value={device}>{t.lending.device}</option>
          </select>
        </div>
        <div class="labelled">
          <label for={`${id}-seats`}>{t.lending.seats}</label>
          <input
            id={`${id}-seats`}
            class="field"
            autoFocus
            inputMode="numeric"
            autoComplete="off"
            value={seats}
            aria-invalid={wrong}
            aria-describedby={wrong ? `${id}-seats-wrong` : undefined}
            data-test="lend-seats"
            onInput={(event) => {
              setSeats(event.currentTarget.value);
              setWrong(false);
            }}
          />
          {wrong && (
            <p class="wrong" id={`${id}-seats-wrong`} role="alert">
              {t.lending.seatsWrong(left)}
            </p>
          )}
        </div>
      </div>
      {chosen === device && (
        <div class="labelled">
          <label for={`${id}-key`}>{t.lending.key}</label>
          <input
            id={`${id}-key`}
            class="field code"
            dir="ltr"
            autoComplete="off"
            spellcheck={false}
            value={key}
            aria-describedby={`${id}-key-hint`}
            data-test="lend-key"
            onInput={(event) => setKey(event.currentTarget.value)}
          />
          <p class="hint after" id={`${id}-key-hint`}>
            {t.lending.keyText}
          </p>
        </div>
      )}
      {name !== undefined && (
        <fieldset data-test="lend-paid">
          <legend>{t.lending.paid}</legend>
          <div class="options">
            <Option
              name={`${id}-paid`}
              test="lend-pays-host"
              icon="wallet"
              title={t.lending.paidYou}
              text={t.lending.paidYouText(name)}
              checked={!theirs}
              onChoose={() => setTheirs(false)}
            />
            <Option
              name={`${id}-paid`}
              test="lend-pays-seller"
              icon="people"
              title={name}
              text={t.lending.paidSellerText(name)}
              checked={theirs}
              onChoose={() => setTheirs(true)}
            />
          </div>
        </fieldset>
      )}
      <div class="row end">
        <button type="button" class="button" onClick={onCancel}>
          {t.app.cancel}
        </button>
        <button class="button primary" data-test="lend" aria-disabled={busy || (chosen === device && !key.trim())}>
          {t.lending.lend}
        </button>
      </div>
    </form>
  );
}

/** What this node sells for others. */
export function Selling({ list }: { list: readonly Lending[] }) {
  if (list.length === 0) return null;
  return (
    <section class="sheet part" aria-labelledby="selling" data-test="selling">
      <h2 id="selling">{t.lending.mine}</h2>
      <ul class="rows">
        {list.map((one) => (
          <li key={one.id} class="line-row" data-test="selling-row" data-sold={one.sold} data-back={one.back}>
            <Icon name="ticket" />
            <span class="line-what">
              <strong>
                <bdi>{one.title || t.wishes.room(one.room.slice(0, 6))}</bdi>
              </strong>
              <span class="hint">
                {t.lending.mineLine(one.sold, one.seats, one.host.name || t.lending.theHost)}.{" "}
                {one.back
                  ? t.lending.mineBack
                  : (one.payee === one.host.person ? t.lending.mineText : t.lending.minePaid)(money(one.price), dateAndTime(one.expires), one.host.name || t.lending.theHost)}
              </span>
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

/** In the head of a room: what a co-host sells there. */
export function SellingLine({ room }: { room: string }) {
  const [sellers] = useSellers();
  const one = sellers?.selling?.find((l) => l.room === room && !l.back);
  if (!one) return null;
  return (
    <a class="quality audience-line" href="#/wallet" data-test="selling-line" data-sold={one.sold}>
      <Icon name="ticket" />
      <span>{t.lending.mineLine(one.sold, one.seats, one.host.name || t.lending.theHost)}</span>
    </a>
  );
}
