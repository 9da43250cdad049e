// A text to pass on: shown, selectable, and copied by one click.
import { useEffect, useId, useRef, useState } from "preact/hooks";
import { notify } from "../node/world";
import { t } from "../words";
import { say } from "./announcer";
import { Icon } from "./icon";

const shownFor = 2500; // ms

interface Properties {
  label: string;
  text: string;
  action: string;
  test: string; // of the field; the button is "copy-" and the same
  buttonTest?: string;
  primary?: boolean;
}

export function CopyField({ label, text, action, test, buttonTest, primary }: Properties) {
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const [copied, setCopied] = useState(false);
  useEffect(() => {
    if (!copied) return;
    const timer = setTimeout(() => setCopied(false), shownFor);
    return () => clearTimeout(timer);
  }, [copied]);
  const copy = async () => {
    field.current?.select();
    try {
      await navigator.clipboard.writeText(text);
      setCopied(true);
      say(t.app.copied);
    } catch {
      notify("warn", t.error.noClipboard);
    }
  };
  return (
    <div class="copy">
      <label class="unseen" for={id}>
        {label}
      </label>
      <input
        ref={field}
        id={id}
        class="field code"
        dir="ltr"
        readOnly
        value={text}
        data-test={test}
        onFocus={(event) => event.currentTarget.select()}
      />
      <button
        type="button"
        class={primary ? "button primary" : "button"}
        data-test={buttonTest ?? `copy-${test}`}
        onClick={copy}
      >
        <Icon name={copied ? "check" : "copy"} />
        <span>{copied ? t.app.copied : action}</span>
      </button>
    </div>
  );
}
