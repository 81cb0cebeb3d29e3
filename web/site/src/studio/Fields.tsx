//! The few kinds of fields that the studio is made of.

import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface ChoiceProps<T extends string | number> {
  label: string;
  value: T;
  options: readonly { value: T; text: string; hint?: string; disabled?: boolean }[];
  onChoose: (value: T) => void;
}

/** A list to choose from. */
export function Choice<T extends string | number>({ label, value, options, onChoose }: ChoiceProps<T>) {
  const id = useId();
  return (
    <div class="st-field">
      <label for={id}>{label}</label>
      <select
        id={id}
        value={String(value)}
        onChange={(event) => {
          const chosen = options.find((option) => String(option.value) === event.currentTarget.value);
          if (chosen) onChoose(chosen.value);
        }}
      >
        {options.map((option) => (
          <option key={option.value} value={String(option.value)} disabled={option.disabled ?? false} selected={option.value === value}>
            {option.text}
          </option>
        ))}
      </select>
    </div>
  );
}

/** All choices side by side. */
export function Segments<T extends string | number>({ label, value, options, onChoose }: ChoiceProps<T>) {
  const name = useId();
  return (
    <fieldset class="st-segments">
      <legend>{label}</legend>
      <div>
        {options.map((option) => (
          <label key={option.value} title={option.hint}>
            <input
              type="radio"
              name={name}
              checked={option.value === value}
              disabled={option.disabled ?? false}
              onChange={() => onChoose(option.value)}
            />
            <span>{option.text}</span>
          </label>
        ))}
      </div>
    </fieldset>
  );
}

interface TextProps {
  label: string;
  value: string;
  onText: (text: string) => void;
  /** True when the text was taken for something else, and must not go into the field. */
  onPaste: (text: string) => boolean;
  fault?: string | undefined;
  hint?: string | undefined;
  type?: "text" | "password";
  inputRef?: { current: HTMLInputElement | null };
  children?: ComponentChildren;
}

export function TextField(props: TextProps) {
  const id = useId();
  const { fault, hint } = props;
  return (
    <div class={fault ? "st-field wrong" : "st-field"}>
      <label for={id}>{props.label}</label>
      <div class="st-input">
        <input
          id={id}
          ref={props.inputRef ?? null}
          type={(props.type ?? "text") as "text"}
          value={props.value}
          autocomplete="off"
          autocapitalize="off"
          spellcheck={false}
          aria-invalid={fault !== undefined}
          aria-describedby={fault || hint ? `${id}-hint` : undefined}
          onInput={(event) => props.onText(event.currentTarget.value)}
          onPaste={(event) => {
            if (props.onPaste(event.clipboardData?.getData("text") ?? "")) event.preventDefault();
          }}
        />
        {props.children}
      </div>
      {(fault || hint) && <p id={`${id}-hint`} class="st-hint">{fault ?? hint}</p>}
    </div>
  );
}
