import { useEffect, useState } from "preact/hooks";
import { api } from "../node/api";
import type { Evidence, Fork, Signed, Witness } from "../node/types";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { dateAndTime, t } from "../words";

interface Properties {
  id: string; // of an entry, a receipt or a ticket
  what: string; // in words, for a screen reader
}

/** The mark on what is signed. What it stands for it tells when it is clicked, after verifying all of it again. */
export function Verified({ id, what }: Properties) {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        class="verified"
        aria-haspopup="dialog"
        aria-label={t.verified.open(what)}
        data-test="verified"
        data-of={id}
        onClick={() => setOpen(true)}
      >
        <Icon name="verified" />
        <span aria-hidden="true">{t.verified.mark}</span>
      </button>
      {open && <EvidenceDialog id={id} onClose={() => setOpen(false)} />}
    </>
  );
}

function EvidenceDialog({ id, onClose }: { id: string; onClose: () => void }) {
  const [found, setFound] = useState<Evidence | null>(null);
  const [problem, setProblem] = useState("");
  useEffect(() => {
    api.evidence(id).then(setFound, (error: unknown) => setProblem(error instanceof Error ? error.message : t.error.unknown));
  }, [id]);
  return (
    <Dialog title={t.verified.title} test="evidence-dialog" onClose={onClose}>
      {problem ? (
        <p class="wrong" role="alert">
          {problem}
        </p>
      ) : found ? (
        <Found found={found} />
      ) : (
        <p class="waiting" aria-busy="true">
          {t.verified.checking}
        </p>
      )}
    </Dialog>
  );
}

function Found({ found }: { found: Evidence }) {
  const bought = found.kind === "got";
  const saw = (bought ? found.proven?.witnesses : found.witnesses) ?? [];
  return (
    <>
      {found.fork && <ForkNote fork={found.fork} />}
      <p class={found.good ? "banner good" : "banner bad-note"} role="status" data-test="evidence-result" data-good={found.good}>
        <Icon name={found.good ? "verified" : "alert"} />
        <span>{found.good ? t.verified.good((found.signed ?? []).length) : (found.problem ?? t.verified.bad)}</span>
      </p>
      <section class="stack tight">
        <h3>{t.verified.signedTitle}</h3>
        <ul class="signed" data-test="evidence-signed">
          {(found.signed ?? []).map((one) => (
            <li key={one.what + (one.id ?? one.by)}>
              <span>{t.verified.signed(one.what, one.whose)}</span>
              <Key one={one} />
            </li>
          ))}
        </ul>
      </section>
      {bought ? (
        <section class="stack tight">
          <h3>{t.verified.provenTitle}</h3>
          <p data-test="evidence-proven" data-proven={found.proven !== undefined}>
            {found.proven ? t.verified.proven(found.proven.height + 1, found.proven.size) : t.verified.notProven}
          </p>
          {found.proven && (
            <>
              <p data-test="evidence-witnesses" data-count={saw.length}>
                {t.verified.sellerWitnesses(saw.length)}
              </p>
              <Witnesses list={saw} />
            </>
          )}
        </section>
      ) : (
        <section class="stack tight">
          <h3>{t.verified.witnessTitle}</h3>
          <p data-test="evidence-witnesses" data-count={saw.length}>
            {t.verified.witnesses(saw.length, found.size)}
          </p>
          <Witnesses list={saw} />
        </section>
      )}
      <details class="fold">
        <summary>
          <span>{t.verified.details}</span>
        </summary>
        <dl class="fact-list terms codes">
          <div>
            <dt>{t.verified.when}</dt>
            <dd>{dateAndTime(found.time)}</dd>
          </div>
          <div>
            <dt>{t.verified.entry}</dt>
            <dd>
              <code>{found.entry}</code>
            </dd>
          </div>
          <div>
            <dt>{t.verified.log}</dt>
            <dd>
              <code>{found.log}</code>
            </dd>
          </div>
          <div>
            <dt>{t.verified.height}</dt>
            <dd>{found.height + 1}</dd>
          </div>
        </dl>
      </details>
    </>
  );
}

/** A warning that whoever sells keeps two different books: it is loud, for it is proven. */
export function ForkNote({ fork }: { fork: Fork }) {
  return (
    <p class="banner bad-note" role="alert" data-test="fork-note" data-how={fork.how}>
      <Icon name="alert" />
      <span>
        <strong>{t.verified.forkTitle}</strong> {t.verified.fork(fork.how)}
      </span>
    </p>
  );
}

function Witnesses({ list }: { list: readonly Witness[] }) {
  if (list.length === 0) return null;
  return (
    <ul class="signed" data-test="evidence-saw">
      {list.map((one) => (
        <li key={one.device}>
          <span>
            <bdi>{one.name || t.verified.nameless}</bdi>, {dateAndTime(one.time)}
          </span>
          <code title={one.person ?? one.device} class="quiet">
            {short(one.person ?? one.device)}
          </code>
        </li>
      ))}
    </ul>
  );
}

const short = (key: string): string => `${key.slice(0, 6)}…`;

function Key({ one }: { one: Signed }) {
  return (
    <code title={one.by} class="quiet">
      {short(one.by)}
    </code>
  );
}
