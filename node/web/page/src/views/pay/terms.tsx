// What a way of paying takes beside the price, and what that comes to: lines of the terms, before anything is paid.
import type { ComponentChildren } from "preact";
import type { Purse } from "../../node/types";
import { t } from "../../words";
import { money, parseMoney } from "../../words/money";
import { type Way, wayName } from "./ways";

export function Fact({ name, strong, test, children }: { name: string; strong?: boolean; test?: string; children: ComponentChildren }) {
  return (
    <div class={strong ? "strong" : undefined} data-test={test}>
      <dt>{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}

interface Properties {
  way: Way;
  sum: string; // as the node writes it
  purse: Purse | null; // of this node's own Lightning
  payee: string; // what they are called
}

/** Fees, and what is paid in all. */
export function FeeFacts({ way, sum, purse, payee }: Properties) {
  const most = way.byHand || way.rail === "iou" ? null : onTheWay(sum, purse);
  return (
    <>
      <Fact name={t.buy.fees} test="terms-fees">
        {way.rail === "iou" ? t.buy.noFees : way.byHand ? (t.pay.fees[way.rail]?.(payee) ?? t.buy.noFees) : most ? t.pay.feeMost(money(most.fee)) : t.pay.feeUnknown}
      </Fact>
      <Fact name={t.buy.total} strong test="terms-total">
        {most ? t.pay.upTo(money(most.total)) : wayName(way) === "lnd-by-hand" ? t.pay.andWallet(money(sum)) : money(sum)}
      </Fact>
    </>
  );
}

/** What others on the way may take of a payment by this node, and what it comes to then. */
function onTheWay(sum: string, purse: Purse | null): { fee: string; total: string } | null {
  const [asked, least] = [parseMoney(sum), parseMoney(purse?.fee_least ?? "")];
  if (!purse || !asked || !least || asked.unit !== least.unit) return null;
  const fee = Math.max(Math.ceil((asked.value * purse.fee_share) / 10_000), least.value);
  return { fee: `${fee} ${asked.unit}`, total: `${Math.ceil(asked.value + fee)} ${asked.unit}` };
}
