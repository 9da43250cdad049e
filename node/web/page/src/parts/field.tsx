// What a form asks for, each under its name: a sum of money, or one line for people. What is wrong with it stands below it.
import type { ComponentChildren } from "preact";
import { t } from "../words";
import { unitName, units } from "../words/money";

interface Labelling {
  id: string;
  label: string;
  wrong?: string | undefined;
  wrongTest?: string;
}

export function Labelled({ id, label, wrong, wrongTest, children }: Labelling & { children: ComponentChildren }) {
  return (
    <div class="labelled">
      <label for={id}>{label}</label>
      {children}
      {wrong && (
        <p class="wrong" id={`${id}-wrong`} role="alert" data-test={wrongTest}>
          {wrong}
        </p>
      )}
    </div>
  );
}

/** The IDs of what explains a field to those who do not see it beside. */
const describedBy = (id: string, hint: boolean, wrong: string | undefined): string | undefined =>
  [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined;

interface SumProperties extends Labelling {
  value: string;
  unit: string;
  test: string;
  unitTest?: string; // of the choice of a unit, if there is one
  hinted?: boolean; // a hint follows: its ID is this one's and "-hint"
  autoFocus?: boolean;
  placeholder?: string;
  onInput: (text: string) => void;
  onUnit?: (unit: string) => void; // without it the unit stays
}

/** A sum, and what of. */
export function SumField({ id, label, wrong, wrongTest, value, unit, test, unitTest, hinted, autoFocus, placeholder, onInput, onUnit }: SumProperties) {
  return (
    <Labelled id={id} label={label} wrong={wrong} {...(wrongTest && { wrongTest })}>
      <span class="price-field">
        <input
          id={id}
          class="field"
          autoFocus={autoFocus}
          inputMode="decimal"
          autoComplete="off"
          placeholder={placeholder}
          value={value}
          aria-invalid={wrong !== undefined}
          aria-describedby={describedBy(id, hinted === true, wrong)}
          data-test={test}
          onInput={(event) => onInput(event.currentTarget.value)}
        />
        {onUnit ? (
          <select class="field short" aria-label={t.start.currency} value={unit} data-test={unitTest} onChange={(event) => onUnit(event.currentTarget.value)}>
            {units.map((one) => (
              <option key={one} value={one} title={unitName(one)}>
                {one}
              </option>
            ))}
          </select>
        ) : (
          <span class="price-unit">{unit}</span>
        )}
      </span>
    </Labelled>
  );
}

interface TextProperties extends Labelling {
  value: string;
  test: string;
  most: number; // characters
  placeholder?: string;
  hint?: string;
  onInput: (text: string) => void;
}

/** One line that is for people. */
export function TextLine({ id, label, wrong, wrongTest, value, test, most, placeholder, hint, onInput }: TextProperties) {
  return (
    <Labelled id={id} label={label} wrong={wrong} {...(wrongTest && { wrongTest })}>
      <input
        id={id}
        class="field"
        dir="auto"
        autoComplete="off"
        maxLength={most}
        placeholder={placeholder}
        value={value}
        aria-invalid={wrong !== undefined}
        aria-describedby={describedBy(id, hint !== undefined, wrong)}
        data-test={test}
        onInput={(event) => onInput(event.currentTarget.value)}
      />
      {hint && (
        <p class="hint after" id={`${id}-hint`}>
          {hint}
        </p>
      )}
    </Labelled>
  );
}
