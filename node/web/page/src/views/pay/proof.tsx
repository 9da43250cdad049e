// What shows others that this person has paid, where no receipt has come. It says so of a payment, and accuses nobody.
import { useEffect, useId, useState } from "preact/hooks";
import { api } from "../../node/api";
import type { Pending, Remittance } from "../../node/types";
import { complain, useAction } from "../../parts/action";
import { CopyField } from "../../parts/copy";
import { Dialog } from "../../parts/dialog";
import { TextLine } from "../../parts/field";
import { Icon } from "../../parts/icon";
import { dateAndTime, t } from "../../words";
import { money } from "../../words/money";
import { save } from "../export";
import { Fact } from "./terms";

const preimageLength = 64; // hex digits

export function ProofButton({ pending }: { pending: Pending }) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" class="button" aria-haspopup="dialog" data-test="proof" onClick={() => setOpen(true)}>
        {t.proof.title}
      </button>
      {open && (
        <Dialog title={t.proof.title} test="proof-dialog" onClose={() => setOpen(false)}>
          <Proof pending={pending} />
        </Dialog>
      )}
    </>
  );
}

function Proof({ pending }: { pending: Pending }) {
  const [made, put] = useState<Remittance | null>(null);
  const [wrong, setWrong] = useState("");
  const byHand = pending.why === "by_hand";
  useEffect(() => {
    if (byHand) return;
    let gone = false;
    api.prove(pending.order, "").then(
      (proof) => gone || put(proof),
      (error) => gone || setWrong(error instanceof Error ? error.message : t.error.unknown),
    );
    return () => {
      gone = true;
    };
  }, [pending.order]);
  const name = pending.seller.name || t.wallet.theSeller;
  if (made) return <Made proof={made} name={name} />;
  if (byHand) return <Ask pending={pending} onMade={put} />;
  return wrong ? (
    <p class="wrong" role="alert" data-test="proof-none">
      {wrong}
    </p>
  ) : (
    <p class="waiting" aria-busy="true">
      {t.proof.asking}
    </p>
  );
}

/** What was paid by hand, only the wallet of this person can show. */
function Ask({ pending, onMade }: { pending: Pending; onMade: (proof: Remittance) => void }) {
  const id = useId();
  const [preimage, setPreimage] = useState("");
  const [wrong, setWrong] = useState("");
  const [busy, run] = useAction();
  const make = () =>
    run(async () => {
      try {
        onMade(await api.prove(pending.order, preimage.trim()));
      } catch (error) {
        setWrong(error instanceof Error ? error.message : t.error.unknown);
        document.getElementById(id)?.focus();
      }
    });
  return (
    <form
      class="stack"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        void make();
      }}
    >
      <p>{t.proof.text}</p>
      <TextLine
        id={id}
        label={t.proof.preimage}
        value={preimage}
        most={preimageLength + 16}
        hint={t.proof.preimageText}
        wrong={wrong || undefined}
        wrongTest="proof-wrong"
        test="proof-preimage"
        onInput={(text) => {
          setPreimage(text);
          setWrong("");
        }}
      />
      <button class="button primary large" data-test="proof-make" aria-disabled={busy}>
        {t.proof.make}
      </button>
    </form>
  );
}

function Made({ proof, name }: { proof: Remittance; name: string }) {
  const keep = () => {
    try {
      save(new Blob([`${proof.text}\n`], { type: "text/plain" }), `salon-payment-${proof.order.slice(0, 8)}.txt`);
    } catch (error) {
      complain(error);
    }
  };
  return (
    <div class="stack" data-test="proof-made">
      <p>{t.proof.made}</p>
      <dl class="fact-list terms">
        <Fact name={t.proof.paid}>{money(proof.sum)}</Fact>
        <Fact name={t.proof.to}>
          <bdi>{name}</bdi> <span class="hint">{t.wallet.key(proof.payee.slice(0, 6))}</span>
        </Fact>
        <Fact name={t.proof.for}>{t.wallet.what(proof.purpose, proof.count)}</Fact>
        <Fact name={t.proof.asked}>{dateAndTime(proof.time)}</Fact>
        <Fact name={t.proof.node}>
          <span class="code" dir="ltr">
            {proof.paid_to.slice(0, 16)}…
          </span>
        </Fact>
      </dl>
      <CopyField label={t.proof.title} text={proof.text} action={t.proof.copy} test="proof-text" primary />
      <button type="button" class="button" data-test="proof-save" onClick={keep}>
        <Icon name="save" />
        <span>{t.proof.save}</span>
      </button>
      <p class="hint">{t.proof.check}</p>
    </div>
  );
}
