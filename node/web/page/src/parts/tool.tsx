// A button of one icon, of which there are several in a row.
import { Icon, type IconName } from "./icon";

interface Properties {
  icon: IconName;
  test: string;
  label: string;
  off: boolean;
  onClick: (event: MouseEvent) => void;
}

export function Tool({ icon, test, label, off, onClick }: Properties) {
  return (
    <button
      type="button"
      class="button plain round"
      aria-label={label}
      title={label}
      aria-disabled={off}
      data-test={test}
      onClick={(event) => !off && onClick(event)}
    >
      <Icon name={icon} />
    </button>
  );
}
