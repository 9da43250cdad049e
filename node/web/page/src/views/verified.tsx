import { useEffect, useState } from "preact/hooks";
import { api } from "../node/api";
import type { Evidence, Signed } from "../node/types";
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
  const seen = found.witnesses ?? [];
  return (
    <>
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
      <section class="stack tight">
        <h3>{t.verified.witnessTitle}</h3>
        <p data-test="evidence-witnesses" data-count={seen.length}>
          {t.verified.witnesses(seen.length)}
        </p>
        {seen.length > 0 && (
          <ul class="signed">
            {seen.map((key) => (
              <li key={key}>
                <code>{short(key)}</code>
              </li>
            ))}
          </ul>
        )}
      </section>
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

const short = (key: string): string => `${key.slice(0, 6)}…`;

function Key({ one }: { one: Signed }) {
  return (
    <code title={one.by} class="quiet">
      {short(one.by)}
    </code>
  );
}
