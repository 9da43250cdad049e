// Ways of paying beside one's word: a Lightning node, a lightning address.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useState } from "preact/hooks";
import { api } from "../node/api";
import type { Rail } from "../node/types";
import { complain, useAction } from "../parts/action";
import { Switch } from "../parts/switch";
import { t } from "../words";
import { money } from "../words/money";

/** The list, and what can be added to it. Secrets go into the node, and come back by no call. */
export function Rails() {
  const [list, put] = useState<readonly Rail[] | null>(null);
  useEffect(() => {
    api.rails().then(put, complain);
  }, []);
  const has = (name: string) => (list ?? []).some((one) => one.name === name);
  return (
    <>
      <p class="hint">{t.rails.hint}</p>
      {list === null ? (
        <p class="hint" aria-busy="true">
          {t.rails.loading}
        </p>
      ) : list.length === 0 ? (
        <p data-test="rails-none">{t.rails.none}</p>
      ) : (
        <ul class="rows">
          {list.map((one) => (
            <Row key={one.name} rail={one} onChange={put} />
          ))}
        </ul>
      )}
      {list !== null && (
        <div class="folds">
          {!has("lnd") && !has("nwc") && <LndForm onChange={put} />}
          {!has("lnd") && !has("nwc") && <WalletForm onChange={put} />}
          {!has("lnaddress") && <AddressForm onChange={put} />}
          {!has("stripe") && <StripeForm onChange={put} />}
        </div>
      )}
    </>
  );
}

interface Changing {
  onChange: (list: readonly Rail[]) => void;
}

function Row({ rail, onChange }: Changing & { rail: Rail }) {
  const [busy, run] = useAction();
  const [changing, change] = useState(false);
  return (
    <li class="line-row rail-row" data-test="rail" data-rail={rail.name} data-wrong={rail.error ? true : undefined}>
      <span class="line-what">
        <strong>{t.rails.names[rail.name] ?? rail.name}</strong>
        <span class="hint">
          <bdi>{rail.address}</bdi>
        </span>
        {rail.error ? (
          <span class="wrong">{t.rails.wrong(rail.error)}</span>
        ) : (
          <span class="hint">{rail.pays ? t.rails.limits(money(rail.max_payment ?? ""), money(rail.max_day ?? "")) : t.rails.receives}</span>
        )}
      </span>
      <span class="row">
        {rail.pays && (
          <button type="button" class="button" data-test="rail-limits" aria-expanded={changing} onClick={() => change(!changing)}>
            {t.rails.change}
          </button>
        )}
        <button
          type="button"
          class="button"
          aria-label={t.rails.removeLabel(t.rails.names[rail.name] ?? rail.name)}
          aria-disabled={busy}
          data-test="rail-remove"
          onClick={() => void run(async () => onChange(await api.removeRail(rail.name)))}
        >
          {t.rails.remove}
        </button>
      </span>
      {changing && <LimitsForm rail={rail} onChange={(list) => (change(false), onChange(list))} />}
    </li>
  );
}

interface FieldProperties {
  name: string;
  secret?: boolean;
  value: string;
  test: string;
  hint?: string;
  placeholder?: string;
  onInput: (value: string) => void;
}

function Field({ name, value, test, hint, placeholder, secret, onInput }: FieldProperties) {
  const id = useId();
  return (
    <div class="labelled">
      <label for={id}>{name}</label>
      <input
        id={id}
        class="field"
        type={secret ? "password" : "text"}
        dir="ltr"
        autoComplete="off"
        spellcheck={false}
        value={value}
        placeholder={placeholder}
        aria-describedby={hint ? `${id}-hint` : undefined}
        data-test={test}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {hint && (
        <p class="hint after" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </div>
  );
}

function LimitsForm({ rail, onChange }: Changing & { rail: Rail }) {
  const [busy, run] = useAction();
  const [payment, setPayment] = useState(rail.max_payment ?? "");
  const [day, setDay] = useState(rail.max_day ?? "");
  const save = (event: Event) => {
    event.preventDefault();
    void run(async () => onChange(await api.limitRail(rail.name, payment.trim(), day.trim())));
  };
  return (
    <form class="stack wide" data-test="limits-form" onSubmit={save}>
      <Field name={t.rails.maxPayment} value={payment} test="limit-payment" onInput={setPayment} />
      <Field name={t.rails.maxDay} value={day} test="limit-day" onInput={setDay} />
      <div class="row end">
        <button class="button primary" aria-disabled={busy} data-test="limits-save">
          {t.rails.save}
        </button>
      </div>
    </form>
  );
}

/** A form that is folded away until somebody wants it. */
function Folded({ title, test, children }: { title: string; test: string; children: ComponentChildren }) {
  return (
    <details class="fold" data-test={test}>
      <summary data-test={`${test}-open`}>
        <span>{title}</span>
      </summary>
      {children}
    </details>
  );
}

const hex = (bytes: ArrayBuffer): string => [...new Uint8Array(bytes)].map((b) => b.toString(16).padStart(2, "0")).join("");
const mostBytes = 32 << 10; // of a file: a certificate and a macaroon are a few hundred

function FileField({ name, hint, test, onFile }: { name: string; hint: string; test: string; onFile: (file: File | null) => void }) {
  const id = useId();
  return (
    <div class="labelled">
      <label for={id}>{name}</label>
      <input id={id} class="field" type="file" aria-describedby={`${id}-hint`} data-test={test} onChange={(event) => onFile(event.currentTarget.files?.[0] ?? null)} />
      <p class="hint after" id={`${id}-hint`}>
        {hint}
      </p>
    </div>
  );
}

function LndForm({ onChange }: Changing) {
  const [busy, run] = useAction();
  const [rest, setRest] = useState("https://127.0.0.1:8080");
  const [macaroon, setMacaroon] = useState<File | null>(null);
  const [cert, setCert] = useState<File | null>(null);
  const [pays, setPays] = useState(false);
  const [payment, setPayment] = useState("50000 sat");
  const [day, setDay] = useState("200000 sat");
  const add = (event: Event) => {
    event.preventDefault();
    void run(async () => {
      if (!macaroon || !cert || macaroon.size > mostBytes || cert.size > mostBytes) throw new Error(t.rails.filesWrong);
      const limits = pays ? { max_payment: payment.trim(), max_day: day.trim() } : {};
      onChange(await api.setLnd({ rest: rest.trim(), macaroon: hex(await macaroon.arrayBuffer()), cert: await cert.text(), ...limits }));
    });
  };
  return (
    <Folded title={t.rails.addLnd} test="add-lnd">
      <form class="stack" data-test="lnd-form" onSubmit={add}>
        <Field name={t.rails.rest} value={rest} test="lnd-rest" onInput={setRest} />
        <FileField name={t.rails.macaroon} hint={t.rails.macaroonHint} test="lnd-macaroon" onFile={setMacaroon} />
        <FileField name={t.rails.cert} hint={t.rails.certHint} test="lnd-cert" onFile={setCert} />
        <Switch icon="wallet" test="lnd-pays" text={t.rails.pays} on={pays} busy={busy} onClick={() => setPays(!pays)} />
        {pays && <Field name={t.rails.maxPayment} value={payment} test="lnd-payment" onInput={setPayment} />}
        {pays && <Field name={t.rails.maxDay} value={day} test="lnd-day" onInput={setDay} />}
        <div class="row end">
          <button class="button primary" aria-disabled={busy} data-test="lnd-add">
            {busy ? t.rails.asking : t.rails.connect}
          </button>
        </div>
      </form>
    </Folded>
  );
}

function WalletForm({ onChange }: Changing) {
  const [busy, run] = useAction();
  const [connection, setConnection] = useState("");
  const [pays, setPays] = useState(false);
  const [payment, setPayment] = useState("50000 sat");
  const [day, setDay] = useState("200000 sat");
  const add = (event: Event) => {
    event.preventDefault();
    const limits = pays ? { max_payment: payment.trim(), max_day: day.trim() } : {};
    if (connection.trim()) void run(async () => onChange(await api.setNWC({ connection: connection.trim(), ...limits })));
  };
  return (
    <Folded title={t.rails.addNWC} test="add-nwc">
      <form class="stack" data-test="nwc-form" onSubmit={add}>
        <Field
          secret
          name={t.rails.connection}
          value={connection}
          test="nwc-connection"
          placeholder="nostr+walletconnect://…"
          hint={t.rails.connectionHint}
          onInput={setConnection}
        />
        <Switch icon="wallet" test="nwc-pays" text={t.rails.pays} on={pays} busy={busy} onClick={() => setPays(!pays)} />
        {pays && <Field name={t.rails.maxPayment} value={payment} test="nwc-payment" onInput={setPayment} />}
        {pays && <Field name={t.rails.maxDay} value={day} test="nwc-day" onInput={setDay} />}
        <div class="row end">
          <button class="button primary" aria-disabled={busy || !connection.trim()} data-test="nwc-add">
            {busy ? t.rails.asking : t.rails.connect}
          </button>
        </div>
      </form>
    </Folded>
  );
}

function StripeForm({ onChange }: Changing) {
  const [busy, run] = useAction();
  const [key, setKey] = useState("");
  const [back, setBack] = useState("");
  const add = (event: Event) => {
    event.preventDefault();
    if (key.trim()) void run(async () => onChange(await api.setStripe({ key: key.trim(), return: back.trim() })));
  };
  return (
    <Folded title={t.rails.addStripe} test="add-stripe">
      <form class="stack" data-test="stripe-form" onSubmit={add}>
        <Field secret name={t.rails.key} value={key} test="stripe-key" placeholder="rk_live_…" hint={t.rails.keyHint} onInput={setKey} />
        <Field name={t.rails.back} value={back} test="stripe-back" placeholder="https://" onInput={setBack} />
        <div class="row end">
          <button class="button primary" aria-disabled={busy || !key.trim()} data-test="stripe-add">
            {busy ? t.rails.asking : t.rails.connect}
          </button>
        </div>
      </form>
    </Folded>
  );
}

function AddressForm({ onChange }: Changing) {
  const [busy, run] = useAction();
  const [address, setAddress] = useState("");
  const add = (event: Event) => {
    event.preventDefault();
    if (address.trim()) void run(async () => onChange(await api.setLnAddress(address.trim())));
  };
  return (
    <Folded title={t.rails.addAddress} test="add-lnaddress">
      <form class="stack" data-test="lnaddress-form" onSubmit={add}>
        <Field name={t.rails.address} value={address} test="lnaddress" placeholder="ana@wallet.example" hint={t.rails.addressHint} onInput={setAddress} />
        <div class="row end">
          <button class="button primary" aria-disabled={busy || !address.trim()} data-test="lnaddress-add">
            {busy ? t.rails.asking : t.rails.connect}
          </button>
        </div>
      </form>
    </Folded>
  );
}
