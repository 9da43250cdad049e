// How to pay: the ways that the seller takes and this person has.
import { useEffect, useState } from "preact/hooks";
import { api } from "../../node/api";
import type { Purse, Rail } from "../../node/types";
import type { IconName } from "../../parts/icon";
import { Option } from "../../parts/option";
import { t } from "../../words";
import { money, parseMoney } from "../../words/money";

/** One way: a rail, by which this node pays, or this person by hand. */
export interface Way {
  rail: string;
  byHand: boolean;
}

export const iou: Way = { rail: "iou", byHand: false };

export const wayName = ({ rail, byHand }: Way): string => (byHand ? `${rail}-by-hand` : rail);

/** What this node has set up. What cannot be asked is not there. */
export interface Means {
  rails: readonly Rail[];
  purse: Purse | null; // of its own Lightning node or wallet
}

export async function loadMeans(): Promise<Means> {
  const rails = await api.rails().catch((): Rail[] => []);
  const pays = rails.some((one) => (one.name === "lnd" || one.name === "nwc") && one.pays && !one.error);
  return { rails, purse: pays ? await api.purse("lnd").catch(() => null) : null };
}

/** The ways that there are where a seller takes these rails, the best first. Where it takes none, its own word is the reason. */
export function waysOf(rails: readonly string[], { purse }: Means): Way[] {
  const ways: Way[] = [];
  for (const rail of ["lnd", "lnaddress"]) if (purse && rails.includes(rail) && ways.length === 0) ways.push({ rail, byHand: false });
  if (rails.includes("lnd")) ways.push({ rail: "lnd", byHand: true });
  if (rails.includes("stripe")) ways.push({ rail: "stripe", byHand: true });
  if (rails.includes("iou") || ways.length === 0) ways.push(iou);
  return ways;
}

/** Whether one payment of such a sum is within the limits that this person has set. */
function within(sum: string, purse: Purse): boolean {
  const [asked, most] = [parseMoney(sum), parseMoney(purse.max_payment)];
  return !asked || !most || asked.unit !== most.unit || asked.value <= most.value;
}

const icons: Record<string, IconName> = { iou: "talk", lnd: "wallet", lnaddress: "wallet", "lnd-by-hand": "screen", "stripe-by-hand": "receipt" };

interface Properties {
  ways: readonly Way[];
  chosen: Way;
  sum: string;
  purse: Purse | null;
  onChoose: (way: Way) => void;
}

/** The choice; nothing where there is none. */
export function Ways({ ways, chosen, sum, purse, onChoose }: Properties) {
  if (ways.length < 2) return null;
  return (
    <fieldset data-test="pay-ways">
      <legend>{t.pay.how}</legend>
      <div class="options">
        {ways.map((way) => {
          const name = wayName(way);
          return (
            <Option
              key={name}
              name="pay-way"
              test={`way-${name}`}
              icon={icons[name] ?? "wallet"}
              title={t.pay.ways[name] ?? way.rail}
              text={purse && !way.byHand && way.rail !== "iou" ? t.pay.purse(money(purse.balance), money(purse.max_payment), within(sum, purse)) : (t.pay.hints[name] ?? "")}
              checked={name === wayName(chosen)}
              onChoose={() => onChoose(way)}
            />
          );
        })}
      </div>
    </fieldset>
  );
}

/** This node's means, asked for once. */
export function useMeans(): Means | null {
  const [means, put] = useState<Means | null>(null);
  useEffect(() => {
    let gone = false;
    void loadMeans().then((got) => gone || put(got));
    return () => {
      gone = true;
    };
  }, []);
  return means;
}
