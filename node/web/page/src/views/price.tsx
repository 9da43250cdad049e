import type { ComponentChildren, RefObject } from "preact";
import { useId } from "preact/hooks";
import { t } from "../words";
import { money, typed, unitName, units } from "../words/money";
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
  return (
    <div class="price-part" ref={first} data-test="price-part">
      <div class="price-fields">
        <Labelled id={`${id}-price`} name={t.start.price} wrong={wrong.price}>
          <span class="price-field">
            <input
              id={`${id}-price`}
              class="field"
              inputMode="decimal"
              autoComplete="off"
              placeholder="5"
              value={asking.price}
              aria-invalid={wrong.price !== undefined}
              aria-describedby={wrong.price ? `${id}-price-wrong` : undefined}
              data-test="ticket-price"
              onInput={(event) => onChange({ ...asking, price: event.currentTarget.value })}
            />
            <select
              class="field short"
              aria-label={t.start.currency}
              value={asking.unit}
              data-test="ticket-unit"
              onChange={(event) => onChange({ ...asking, unit: event.currentTarget.value })}
            >
              {units.map((unit) => (
                <option key={unit} value={unit} title={unitName(unit)}>
                  {unit}
                </option>
              ))}
            </select>
          </span>
        </Labelled>
        <Labelled id={`${id}-seats`} name={t.start.seats} wrong={wrong.seats}>
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
      <Labelled id={`${id}-credit`} name={t.start.credit} wrong={wrong.credit}>
        <span class="price-field">
          <input
            id={`${id}-credit`}
            class="field"
            inputMode="decimal"
            autoComplete="off"
            value={asking.credit}
            aria-invalid={wrong.credit !== undefined}
            aria-describedby={`${id}-credit-hint${wrong.credit ? ` ${id}-credit-wrong` : ""}`}
            data-test="ticket-credit"
            onInput={(event) => onChange({ ...asking, credit: event.currentTarget.value })}
          />
          <span class="price-unit">{asking.unit}</span>
        </span>
      </Labelled>
      <p class="hint" id={`${id}-credit-hint`} data-test="ticket-credit-hint">
        {t.start.creditText} {nobody && <strong>{t.start.creditNobody}</strong>}
      </p>
      <Labelled id={`${id}-tax`} name={t.start.tax} wrong={undefined}>
        <input
          id={`${id}-tax`}
          class="field"
          dir="auto"
          autoComplete="off"
          maxLength={64}
          placeholder={t.start.taxHint}
          value={asking.tax}
          aria-describedby={`${id}-tax-hint`}
          data-test="ticket-tax"
          onInput={(event) => onChange({ ...asking, tax: event.currentTarget.value })}
        />
      </Labelled>
      <p class="hint" id={`${id}-tax-hint`}>
        {t.start.taxText}
      </p>
      <SharingPart sharing={asking.sharing} wrong={wrong.sharing} onChange={(sharing) => onChange({ ...asking, sharing })} />
    </div>
  );
}

function Labelled({ id, name, wrong, children }: { id: string; name: string; wrong: string | undefined; children: ComponentChildren }) {
  return (
    <div class="labelled">
      <label for={id}>{name}</label>
      {children}
      {wrong && (
        <p class="wrong" id={`${id}-wrong`} role="alert" data-test="price-wrong">
          {wrong}
        </p>
      )}
    </div>
  );
}
