import { useState } from "preact/hooks";
import { trade, type Wish } from "../node/trade";
import type { Ticket } from "../node/types";
import { useAction } from "../parts/action";
import { Icon } from "../parts/icon";
import { holds } from "../tickets";
import { dateAndTime, t } from "../words";
import { money } from "../words/money";
import { useBuy, type ForSale } from "./buy";

/** Where nobody who sells can be reached: to keep what one wants, until somebody can. */
export function WishOffer({ room, onBought }: { room: ForSale; onBought: () => void }) {
  const [kept, setKept] = useState<Wish | null>(null);
  const [busy, run] = useAction();
  const where = room.link ? { link: room.link } : { room: room.id };
  const host = room.host.name || t.wishes.theHost;
  const keep = (price: string) =>
    run(async () => {
      const wish = await trade.wish(where, price);
      if (wish.state === "bought") onBought();
      else setKept(wish);
    });
  if (kept) {
    return (
      <div class="stack" data-test="wish-kept" data-state={kept.state}>
        <h3>{t.wishes.kept}</h3>
        <p>
          {kept.price ? t.wishes.keptText(money(kept.price), dateAndTime(kept.expires)) : t.wishes.keptTell(dateAndTime(kept.expires))} {t.wishes.told(host)}
        </p>
        <a class="button" href="#/wallet" data-test="wish-to-wallet">
          <Icon name="wallet" />
          <span>{t.buy.toWallet}</span>
        </a>
      </div>
    );
  }
  return (
    <div class="stack" data-test="wish-offer">
      {room.price && (
        <div class="stack tight">
          <button type="button" class="button primary" data-test="wish" aria-disabled={busy} onClick={() => void keep(room.price)}>
            {t.wishes.offer(money(room.price), host)}
          </button>
          <p class="hint">{t.wishes.offerText(money(room.price))}</p>
        </div>
      )}
      <div class="stack tight">
        <button type="button" class={room.price ? "button" : "button primary"} data-test="wish-tell" aria-disabled={busy} onClick={() => void keep("")}>
          {t.wishes.tell}
        </button>
        <p class="hint">{t.wishes.tellText}</p>
      </div>
    </div>
  );
}

/** Whether a wish still says anything: one that only wanted to be told does not, once there is a ticket. */
export const stands = (wish: Wish, tickets: readonly Ticket[]): boolean => wish.price !== "" || !holds(tickets, wish.room);

/** What one waits for. */
export function Wishes({ list, onChange }: { list: readonly Wish[]; onChange: () => void }) {
  if (list.length === 0) return null;
  return (
    <section class="sheet part" aria-labelledby="wishes" data-test="wishes">
      <h2 id="wishes">{t.wishes.title}</h2>
      <ul class="rows">
        {list.map((one) => (
          <Row key={one.id} wish={one} onChange={onChange} />
        ))}
      </ul>
    </section>
  );
}

function words(wish: Wish): string {
  const host = wish.host.name || t.wishes.theHost;
  const until = dateAndTime(wish.expires);
  switch (wish.state) {
    case "waiting":
      return wish.price ? t.wishes.waiting(money(wish.price), host, until) : t.wishes.telling(host, until);
    case "changed":
      return wish.price ? t.wishes.changed(money(wish.asked), money(wish.price)) : t.wishes.canBuy(money(wish.asked));
    case "paying":
      return t.wishes.paying;
    case "bought":
      return t.wishes.bought(money(wish.price));
    case "refused":
      return t.wishes.refused(wish.text);
  }
}

function Row({ wish, onChange }: { wish: Wish; onChange: () => void }) {
  const [busy, run] = useAction();
  const title = wish.title || t.wishes.room(wish.room.slice(0, 6));
  const buy = useBuy({ id: wish.room, title, host: { ...wish.host, name: wish.host.name || t.wishes.theHost }, price: wish.asked, link: wish.link });
  const over = wish.state === "bought" || wish.state === "refused";
  const act = (work: () => Promise<unknown>) =>
    run(async () => {
      await work();
      onChange();
    });
  return (
    <li class="line-row" data-test="wish-row" data-state={wish.state}>
      <Icon name={wish.state === "refused" ? "close" : over ? "ticket" : "clock"} />
      <span class="line-what">
        <strong>
          {t.wallet.what("ticket", wish.count)} <bdi>{t.wishes.to(title)}</bdi>
        </strong>
        <span class="hint">{words(wish)}</span>
      </span>
      <span class="row">
        {wish.state === "changed" && wish.price && (
          <button type="button" class="button primary" data-test="wish-agree" aria-disabled={busy} onClick={() => void act(() => trade.agree(wish.id, wish.asked))}>
            {t.wishes.agree(money(wish.asked))}
          </button>
        )}
        {wish.state === "changed" && !wish.price && wish.link && buy.button}
        {wish.state !== "paying" && (
          <button
            type="button"
            class="button plain"
            aria-label={over ? undefined : t.wishes.dropLabel(title)}
            data-test="wish-drop"
            aria-disabled={busy}
            onClick={() => void act(() => trade.drop(wish.id))}
          >
            {over ? t.wishes.dismiss : t.wishes.drop}
          </button>
        )}
      </span>
      {buy.dialog}
    </li>
  );
}
