import type { RefObject } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { api } from "../node/api";
import type { Rail } from "../node/types";
import { Labelled, SumField, TextLine } from "../parts/field";
import { t } from "../words";
import { money, typed } from "../words/money";
import { SharingPart, splitOf, usualSharing, wrongSharing, type Sharing } from "./sharing";

/** What a host asks of those who come, as it is being typed. */
export interface Asking {
  price: string;
  unit: string;
  seats: string;
  credit: string; // what a buyer may owe
  tax: string; // what is stated of it
  sharing: Sharing;
}

export const nothingAsked: Asking = { price: "", unit: "EUR", seats: "50", credit: "0", tax: "", sharing: usualSharing };

export type AskingField = "price" | "seats" | "credit" | "sharing";
export type Wrong = Partial<Record<AskingField, string>>;

const mostSeats = 100_000; // as the node has it
export const taxMost = 64; // characters, likewise

/** What is wrong with each field; empty: nothing. */
export function wrongWith(asking: Asking): Wrong {
  const wrong: Wrong = {};
  const price = typed(asking.price, asking.unit);
  if (price === null || Number(price) === 0) wrong.price = t.start.priceWrong(asking.unit);
  const seats = Number(asking.seats);
  if (!/^\d+$/.test(asking.seats.trim()) || seats < 1 || seats > mostSeats) wrong.seats = t.start.seatsWrong(mostSeats);
  const credit = typed(asking.credit, asking.unit);
  if (credit === null) wrong.credit = t.start.creditWrong(asking.unit);
  else if (price !== null && Number(credit) > 0 && Number(credit) < Number(price)) wrong.credit = t.start.creditLow(money(`${price} ${asking.unit}`));
  const shared = wrongSharing(asking.sharing);
  if (shared) wrong.sharing = shared;
  return wrong;
}

/** As the node is told. */
export const asked = ({ price, unit, seats, credit, tax, sharing }: Asking) => ({
  price: `${typed(price, unit)} ${unit}`,
  seats: Number(seats),
  iou_limit: `${typed(credit, unit)} ${unit}`,
  ...(tax.trim() && { tax: tax.trim() }),
  shares: splitOf(sharing),
});

/** How buyers can pay in such a currency, beside owing; empty: not at all. */
function usePaidBy(unit: string): string {
  const [rails, setRails] = useState<readonly Rail[]>([]);
  useEffect(() => {
    let gone = false;
    api.rails().then(
      (list) => gone || setRails(list.filter((one) => one.receives && !one.error)),
      () => {}, // then the page speaks of owing alone
    );
    return () => {
      gone = true;
    };
  }, []);
  const card = rails.some((one) => one.name === "stripe");
  const lightning = rails.some((one) => one.name !== "stripe");
  if (unit === "sat") return lightning ? t.start.paidBy.lightning : "";
  return card ? t.start.paidBy.card : "";
}

interface Properties {
  asking: Asking;
  wrong: Wrong;
  first: RefObject<HTMLDivElement>;
  onChange: (asking: Asking) => void;
}

/** What tickets cost, how many there are, and how far the host trusts those who buy. */
export function Price({ asking, wrong, first, onChange }: Properties) {
  const id = useId();
  const nobody = Number(typed(asking.credit, asking.unit) ?? 0) === 0;
  const paidBy = usePaidBy(asking.unit);
  return (
    <div class="price-part" ref={first} data-test="price-part">
      <div class="price-fields">
        <SumField
          id={`${id}-price`}
          label={t.start.price}
          placeholder="5"
          value={asking.price}
          unit={asking.unit}
          wrong={wrong.price}
          wrongTest="price-wrong"
          test="ticket-price"
          unitTest="ticket-unit"
          onInput={(price) => onChange({ ...asking, price })}
          onUnit={(unit) => onChange({ ...asking, unit })}
        />
        <Labelled id={`${id}-seats`} label={t.start.seats} wrong={wrong.seats} wrongTest="price-wrong">
          <input
            id={`${id}-seats`}
            class="field"
            inputMode="numeric"
            autoComplete="off"
            value={asking.seats}
            aria-invalid={wrong.seats !== undefined}
            aria-describedby={wrong.seats ? `${id}-seats-wrong` : undefined}
            data-test="ticket-seats"
            onInput={(event) => onChange({ ...asking, seats: event.currentTarget.value })}
          />
        </Labelled>
      </div>
      <SumField
        id={`${id}-credit`}
        label={t.start.credit}
        hinted
        value={asking.credit}
        unit={asking.unit}
        wrong={wrong.credit}
        wrongTest="price-wrong"
        test="ticket-credit"
        onInput={(credit) => onChange({ ...asking, credit })}
      />
      <p class="hint" id={`${id}-credit-hint`} data-test="ticket-credit-hint">
        {paidBy ? t.start.creditBeside(paidBy) : t.start.creditText} {!paidBy && nobody && <strong>{t.start.creditNobody}</strong>}
      </p>
      <TextLine
        id={`${id}-tax`}
        label={t.start.tax}
        value={asking.tax}
        most={taxMost}
        placeholder={t.start.taxHint}
        hint={t.start.taxText}
        test="ticket-tax"
        onInput={(tax) => onChange({ ...asking, tax })}
      />
      <SharingPart sharing={asking.sharing} wrong={wrong.sharing} onChange={(sharing) => onChange({ ...asking, sharing })} />
    </div>
  );
}
