// Something that is on or off, in a list of such things.
import { Icon, type IconName } from "./icon";

interface Properties {
  icon: IconName;
  test: string;
  text: string;
  hint?: string;
  on: boolean;
  busy: boolean;
  onClick: () => void;
}

export function Switch({ icon, test, text, hint, on, busy, onClick }: Properties) {
  return (
    <button type="button" role="switch" aria-checked={on} class="menu-item" data-test={test} aria-disabled={busy} onClick={onClick}>
      <Icon name={icon} />
      <span class="menu-text">
        {text}
        {hint && <span class="hint">{hint}</span>}
      </span>
      <span class="switch" aria-hidden="true" />
    </button>
  );
}
