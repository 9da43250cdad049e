// One thing to do, in a list of such things.
import { Icon, type IconName } from "./icon";

interface Properties {
  icon: IconName;
  test: string;
  text: string;
  hint?: string;
  busy: boolean;
  danger?: boolean;
  onClick: () => void;
}

export function Choice({ icon, test, text, hint, busy, danger, onClick }: Properties) {
  return (
    <button type="button" class={danger ? "menu-item danger" : "menu-item"} data-test={test} aria-disabled={busy} onClick={onClick}>
      <Icon name={icon} />
      <span>
        {text}
        {hint && <span class="hint">{hint}</span>}
      </span>
    </button>
  );
}
