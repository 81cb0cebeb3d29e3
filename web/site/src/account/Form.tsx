//! A form that says what was refused, at the field it is about or above the button.

import type { ComponentChildren } from "preact";
import { useId, useRef, useState } from "preact/hooks";
import { Refused } from "../api";
import { a } from "./strings";

interface FieldProps {
  name: string;
  label: string;
  type?: "text" | "email" | "password";
  hint?: string;
  autocomplete?: string;
  required?: boolean;
  wrong?: string | undefined;
}

export function Field({ name, label, type = "text", hint, autocomplete, required = true, wrong }: FieldProps) {
  const id = useId();
  const said = wrong ?? hint;
  return (
    <div class={wrong ? "ac-field wrong" : "ac-field"}>
      <label for={id}>{label}</label>
      <input
        id={id}
        name={name}
        type={type as "text"}
        required={required}
        autocomplete={autocomplete ?? "off"}
        autocapitalize="none"
        spellcheck={false}
        aria-invalid={wrong ? "true" : undefined}
        aria-describedby={said ? `${id}-said` : undefined}
      />
      {said && <span id={`${id}-said`} class="ac-said">{said}</span>}
    </div>
  );
}

interface FormProps {
  /** What it is called in the page, where one has several. */
  what?: string;
  button: string;
  /** Given what was written; what it throws is shown. */
  send: (values: Record<string, string>) => Promise<void>;
  /** Shown where the browser, not the server, refused. */
  failed?: string;
  /** Given what is wrong with each field. */
  children: (wrong: Record<string, string>) => ComponentChildren;
}

export function Form({ what, button, send, failed, children }: FormProps) {
  const [wrong, setWrong] = useState<Record<string, string>>({});
  const [words, setWords] = useState("");
  const [busy, setBusy] = useState(false);
  const form = useRef<HTMLFormElement>(null);

  const submit = async (event: Event) => {
    event.preventDefault();
    if (busy || !form.current) return;
    const written = [...new FormData(form.current)].map(([name, value]) => [name, String(value)] as const);
    setBusy(true);
    setWords("");
    setWrong({});
    try {
      await send(Object.fromEntries(written));
    } catch (error) {
      setWrong(error instanceof Refused ? error.fields : {});
      setWords(error instanceof Refused ? error.message : error instanceof DOMException && failed ? failed : a("down"));
    } finally {
      setBusy(false);
    }
  };

  return (
    <form data-form={what} ref={form} class="ac-form" onSubmit={(event) => void submit(event)} aria-busy={busy}>
      {children(wrong)}
      <p class="ac-words" role="alert">{words}</p>
      <button class="button" disabled={busy}>{button}</button>
    </form>
  );
}
