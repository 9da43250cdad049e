import { useId, useState } from "preact/hooks";
import { trade, type OwnTier } from "../node/trade";
import { notify } from "../node/world";
import { useAction } from "../parts/action";
import { SumField, TextLine } from "../parts/field";
import { t } from "../words";
import { typed } from "../words/money";
import { taxMost } from "./price";

const perksMost = 280; // characters, as the ledger has it

/** Another price, other perks: for new subscribers and renewals. */
export function ChangeForm({ tier, onChanged, onCancel }: { tier: OwnTier; onChanged: () => void; onCancel: () => void }) {
  const id = useId();
  const [was = "", unit = ""] = tier.price.split(" ");
  const [price, setPrice] = useState(was.replace(/\.0+$/, ""));
  const [perks, setPerks] = useState(tier.perks);
  const [tax, setTax] = useState(tier.tax);
  const [wrong, setWrong] = useState(false);
  const [busy, run] = useAction();
  const change = () => {
    const sum = typed(price, unit);
    if (sum === null || Number(sum) === 0) {
      setWrong(true);
      document.getElementById(`${id}-price`)?.focus();
      return;
    }
    void run(async () => {
      await trade.change(tier.id, { price: `${sum} ${unit}`, tax: tax.trim(), perks: perks.trim() });
      notify("info", t.tiers.changed(tier.name));
      onChanged();
    });
  };
  return (
    <form
      class="price-part"
      noValidate
      aria-label={t.tiers.changeLabel(tier.name)}
      data-test="change-form"
      onSubmit={(event) => {
        event.preventDefault();
        change();
      }}
    >
      <h3>{tier.name}</h3>
      <p class="hint">{t.tiers.changeText}</p>
      <SumField
        id={`${id}-price`}
        label={t.tiers.price}
        autoFocus
        value={price}
        unit={unit}
        wrong={wrong ? t.tiers.needPrice(unit) : undefined}
        test="change-price"
        onInput={(text) => {
          setPrice(text);
          setWrong(false);
        }}
      />
      <TextLine id={`${id}-perks`} label={t.tiers.perks} test="change-perks" value={perks} most={perksMost} placeholder={t.tiers.perksHint} onInput={setPerks} />
      <TextLine id={`${id}-tax`} label={t.start.tax} test="change-tax" value={tax} most={taxMost} placeholder={t.start.taxHint} onInput={setTax} />
      <div class="row end">
        <button type="button" class="button" onClick={onCancel}>
          {t.app.cancel}
        </button>
        <button class="button primary" data-test="change-save" aria-disabled={busy}>
          {t.tiers.save}
        </button>
      </div>
    </form>
  );
}

const lengths = [7, 30, 90, 365]; // days

/** What a subscription is called, costs and lasts. It stands inside another form, too, so it is none itself. */
export function TierForm({ onMade, onCancel }: { onMade: () => void; onCancel?: () => void }) {
  const id = useId();
  const [name, setName] = useState("");
  const [price, setPrice] = useState("");
  const [unit, setUnit] = useState("EUR");
  const [days, setDays] = useState(30);
  const [tax, setTax] = useState("");
  const [perks, setPerks] = useState("");
  const [credit, setCredit] = useState<string | null>(null); // null: the price, while nothing else was said
  const [wrong, setWrong] = useState<{ name?: string; price?: string; credit?: string }>({});
  const [busy, run] = useAction();
  const create = () => {
    const sum = typed(price, unit);
    const owed = typed(credit ?? price, unit);
    const found = {
      ...(!name.trim() && { name: t.tiers.needName }),
      ...((sum === null || Number(sum) === 0) && { price: t.tiers.needPrice(unit) }),
      ...(credit !== null && owed === null && { credit: t.start.creditWrong(unit) }),
    };
    setWrong(found);
    const first = Object.keys(found)[0];
    if (first) {
      document.getElementById(`${id}-${first}`)?.focus();
      return;
    }
    void run(async () => {
      if (Number(owed) > 0) await lendAtLeast(Number(owed), `${owed} ${unit}`, unit);
      await trade.offer({ name: name.trim(), price: `${sum} ${unit}`, period: days * 86_400, tax: tax.trim(), perks: perks.trim() });
      notify("info", t.tiers.made(name.trim()));
      onMade();
    });
  };
  /** What is typed anew is not wrong yet. */
  const typing = (set: (text: string) => void) => (text: string) => {
    set(text);
    setWrong({});
  };
  return (
    <div class="price-part" role="group" aria-label={t.tiers.add} data-test="tier-form">
      <TextLine
        id={`${id}-name`}
        label={t.tiers.name}
        value={name}
        most={64}
        placeholder={t.tiers.nameHint}
        wrong={wrong.name}
        wrongTest="tier-wrong"
        test="tier-name"
        onInput={typing(setName)}
      />
      <TextLine id={`${id}-perks`} label={t.tiers.perks} test="tier-perks" value={perks} most={perksMost} placeholder={t.tiers.perksHint} onInput={setPerks} />
      <div class="price-fields">
        <SumField
          id={`${id}-price`}
          label={t.tiers.price}
          placeholder="3"
          value={price}
          unit={unit}
          wrong={wrong.price}
          wrongTest="tier-wrong"
          test="tier-price"
          unitTest="tier-unit"
          onInput={typing(setPrice)}
          onUnit={setUnit}
        />
        <div class="labelled">
          <label for={`${id}-days`}>{t.tiers.length}</label>
          <select id={`${id}-days`} class="field" value={String(days)} data-test="tier-days" onChange={(event) => setDays(Number(event.currentTarget.value))}>
            {lengths.map((n) => (
              <option key={n} value={String(n)}>
                {t.tiers.lengths[n]}
              </option>
            ))}
          </select>
        </div>
      </div>
      <SumField
        id={`${id}-credit`}
        label={t.tiers.credit}
        hinted
        value={credit ?? price}
        unit={unit}
        wrong={wrong.credit}
        wrongTest="tier-wrong"
        test="tier-credit"
        onInput={typing(setCredit)}
      />
      <p class="hint" id={`${id}-credit-hint`}>
        {t.tiers.creditText}
      </p>
      <TextLine id={`${id}-tax`} label={t.start.tax} test="tier-tax" value={tax} most={taxMost} placeholder={t.start.taxHint} hint={t.start.taxText} onInput={setTax} />
      <div class="row end">
        {onCancel && (
          <button type="button" class="button" onClick={onCancel}>
            {t.app.cancel}
          </button>
        )}
        <button type="button" class="button primary" data-test="create-tier" aria-disabled={busy} onClick={create}>
          {t.tiers.create}
        </button>
      </div>
    </div>
  );
}

/** Lets everybody owe so much, unless they may owe more already. */
async function lendAtLeast(sum: number, text: string, unit: string): Promise<void> {
  const credits = await trade.credits();
  const now = credits.find((one) => !one.person && one.money.endsWith(` ${unit}`));
  if (!now || Number(now.money.split(" ")[0]) < sum) await trade.setCredit(text);
}
