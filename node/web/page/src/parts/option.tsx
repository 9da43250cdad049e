// One of a few things to choose from, with what it means.
import { Icon, type IconName } from "./icon";

interface Properties {
  name: string; // of the group
  test: string;
  icon: IconName;
  title: string;
  text?: string;
  checked: boolean;
  onChoose: () => void;
}

export function Option({ name, test, icon, title, text, checked, onChoose }: Properties) {
  return (
    <label class="option">
      <input type="radio" name={name} checked={checked} data-test={test} onChange={onChoose} />
      <Icon name={icon} />
      <span class="option-text">
        <strong>{title}</strong>
        {text && <span>{text}</span>}
      </span>
    </label>
  );
}
