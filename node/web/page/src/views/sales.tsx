import { useEffect, useState } from "preact/hooks";
import { api } from "../node/api";
import type { OfferSales, RoomView, Sales, Share, SoldTickets } from "../node/types";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { dateAndTime, number, percent, t } from "../words";
import { money } from "../words/money";
import { OtherSellers } from "./sellers";
import { Verified } from "./verified";

const every = 2000; // ms

/** How one's own room sells, asked for again and again. */
function useSales(room: string): Sales | null {
  const [sales, setSales] = useState<Sales | null>(null);
  useEffect(() => {
    let gone = false;
    let timer = 0;
    const ask = async () => {
      const found = await api.sales(room).catch(() => null); // the next answer may be a better one
      if (gone) return;
      if (found) setSales(found);
      timer = window.setTimeout(() => void ask(), every);
    };
    void ask();
    return () => {
      gone = true;
      clearTimeout(timer);
    };
  }, [room]);
  return sales;
}

/** How many tickets are sold, in a line. A click shows all of it. */
export function SalesLine({ room }: { room: RoomView }) {
  const sales = useSales(room.id);
  const [open, setOpen] = useState(false);
  const of = sales?.offers?.[0];
  if (!of) return null;
  return (
    <>
      <button type="button" class="quality audience-line" aria-haspopup="dialog" data-test="sales" data-sold={of.sold} onClick={() => setOpen(true)}>
        <Icon name="ticket" />
        <span>{t.sales.line(of.sold, of.seats)}</span>
      </button>
      {open && sales && (
        <Dialog title={t.sales.title} test="sales-dialog" wide onClose={() => setOpen(false)}>
          {sales.wanted > 0 && (
            <p class="banner" data-test="sales-wanted">
              <Icon name="people" />
              <span>{t.sales.wanted(sales.wanted)}</span>
            </p>
          )}
          {(sales.offers ?? []).map((one, i) => (
            <OneOffer key={i} of={one} credit={i === 0 ? sales.credit : ""} />
          ))}
          <OtherSellers room={room} left={of.left} />
        </Dialog>
      )}
    </>
  );
}

function OneOffer({ of, credit }: { of: OfferSales; credit: string }) {
  const list = of.sales ?? [];
  const iou = list.some((one) => one.rail === "iou");
  return (
    <>
      <dl class="numbers sales-numbers" data-test="sales-numbers">
        <Figure name={t.sales.sold} value={number(of.sold)} test="sold" />
        <Figure name={t.sales.held} value={number(of.held)} test="held" />
        <Figure name={t.sales.left} value={number(of.left)} test="left" />
        <Figure name={t.sales.refunded} value={number(of.refunded)} test="refunded" />
        <Figure name={t.sales.gross} value={money(of.gross)} test="gross" />
      </dl>
      <Bar of={of} />
      <p class="hint">
        {t.sales.price(money(of.price), number(of.seats))} {credit && t.sales.credit(money(credit))} {iou && t.sales.owed}
      </p>
      <section class="stack tight">
        <h3>{t.sales.split}</h3>
        <ul class="rows" data-test="sales-split">
          {(of.shares ?? []).map((share) => (
            <li key={share.to + (share.key ?? "")} class="line-row">
              <span class="line-what">{shareWords(share)}</span>
              <span class="line-end share">
                <span class="quiet">{percent(share.basis_points / 10_000)}</span>
                <span class="line-sum">{money(share.money)}</span>
              </span>
            </li>
          ))}
        </ul>
      </section>
      <section class="stack tight">
        <h3>{t.sales.list}</h3>
        {list.length === 0 && <p class="hint">{t.sales.none}</p>}
        <ul class="rows" data-test="sales-list" aria-live="polite">
          {list.map((one) => (
            <Row key={one.receipt} one={one} />
          ))}
        </ul>
      </section>
    </>
  );
}

function Row({ one }: { one: SoldTickets }) {
  const words = t.sales.one(one.count, one.buyer.slice(0, 6));
  return (
    <li class="line-row" data-test="sold-ticket">
      <span class="line-what">
        <strong>{words}</strong>
        <span class="hint">
          {dateAndTime(one.time)} · {t.sales.by[one.rail] ?? one.rail}
          {one.refunded && ` · ${t.sales.wentBack(money(one.refunded))}`}
          {one.dispute === "won" && ` · ${t.sales.disputes.won}`}
        </span>
        {one.dispute && one.dispute !== "won" && (
          <span class="disputed">
            <Icon name="alert" />
            {t.sales.disputes[one.dispute]}
          </span>
        )}
      </span>
      <span class="line-end">
        <span class="line-sum">{money(one.sum)}</span>
        <Verified id={one.receipt} what={words} />
      </span>
    </li>
  );
}

const shareWords = (share: Share): string => {
  const kind = t.sales.shares[share.to] ?? share.to;
  return share.name || share.key ? t.sales.whose(share.name || `${share.key?.slice(0, 6)}…`, kind) : kind;
};

function Figure({ name, value, test }: { name: string; value: string; test: string }) {
  return (
    <div data-test={`sales-${test}`}>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </div>
  );
}

/** The seats, as a strip: sold, held, left. */
function Bar({ of }: { of: OfferSales }) {
  const part = (n: number) => `${(100 * n) / Math.max(1, of.seats)}%`;
  return (
    <div class="seats-bar" role="img" aria-label={t.sales.bar(of.sold, of.held, of.left)}>
      <span class="seats-sold" style={{ inlineSize: part(of.sold) }} />
      <span class="seats-held" style={{ inlineSize: part(of.held) }} />
    </div>
  );
}
