//! What the console's pages are made of: a list that is read page by page, a table that becomes cards on a phone, a
//! button that says what was refused.

import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useId, useState } from "preact/hooks";
import { Refused, wordsOf } from "../api";
import { locale } from "../i18n";
import { Sure as Asked } from "../ui/Sure";
import { k } from "./strings";

export const time = (ms: number | string) =>
  new Date(ms).toLocaleString(locale(), { dateStyle: "medium", timeStyle: "medium" });

export interface Loaded<T> {
  value: T | null;
  error: unknown;
  reload: () => Promise<void>;
}

/** One answer of the API, read when the page opens, when one of `by` changes, and when somebody says so. */
export function useLoaded<T>(load: () => Promise<T>, by: unknown[]): Loaded<T> {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<unknown>(null);
  const reload = useCallback(async () => {
    try {
      setValue(await load());
      setError(null);
    } catch (wrong) {
      setError(wrong);
    }
  }, by);
  useEffect(() => void reload(), [reload]);
  return { value, error, reload };
}

/** A part of a list, as the API gives it. */
export interface Paged<T> {
  items: T[];
  next?: string | null;
}

/** What is said to get the next part. */
export interface Behind {
  after?: string;
}

/** A list in pages, of what `by` says: what was read stays when more comes. */
export function usePages<T>(load: (behind: Behind) => Promise<Paged<T>>, by: unknown[]): Loaded<T[]> & { more: (() => Promise<void>) | null } {
  const [next, setNext] = useState<string | null>(null);
  const [value, setValue] = useState<T[] | null>(null);
  const [error, setError] = useState<unknown>(null);
  const read = useCallback(
    async (after: string | null, before: T[]) => {
      try {
        const page = await load(after ? { after } : {});
        setValue([...before, ...page.items]);
        setNext(page.next ?? null);
        setError(null);
      } catch (wrong) {
        setError(wrong);
      }
    },
    by,
  );
  const reload = useCallback(() => read(null, []), [read]);
  useEffect(() => void reload(), [reload]);
  return { value, error, reload, more: next ? () => read(next, value ?? []) : null };
}

/** Shows what was read, or why it was not. */
export function Shown<T>({ of, children }: { of: Loaded<T>; children: (value: T) => ComponentChildren }) {
  if (of.value !== null) return <>{children(of.value)}</>;
  if (of.error === null) return <p role="status">{k("loading")}</p>;
  const refused = of.error instanceof Refused ? of.error : null;
  return (
    <div role="alert" class="co-alert">
      <p>{refused?.status === 403 ? k("refused") : refused?.message ?? k("failed")}</p>
      <button type="button" class="button small quiet" onClick={() => void of.reload()}>{k("retry")}</button>
    </div>
  );
}

export interface Column<T> {
  label: string;
  cell: (row: T) => ComponentChildren;
}

interface TableProps<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
  none?: string;
  more?: (() => Promise<void>) | null;
}

export function Table<T>({ label, columns, rows, id, none, more }: TableProps<T>) {
  if (rows.length === 0) return <p class="co-none">{none ?? k("nothing")}</p>;
  return (
    <>
      <table class="co-table" aria-label={label}>
        <thead>
          <tr>{columns.map((column) => <th key={column.label} scope="col">{column.label}</th>)}</tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <tr key={id(row)} data-row={id(row)}>
              {columns.map((column) => <td key={column.label} data-label={column.label}>{column.cell(row)}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
      {more && <button type="button" class="button small quiet" onClick={() => void more()}>{k("more")}</button>}
    </>
  );
}

interface ActProps {
  label: string;
  /** What it is done to, where there are many. */
  named?: string;
  act: () => Promise<unknown>;
  quiet?: boolean;
  data?: string;
}

/** A button that does something once, and says what was refused. */
export function Act({ label, named, act, data }: ActProps) {
  const [words, setWords] = useState("");
  const [busy, setBusy] = useState(false);
  const press = async () => {
    setBusy(true);
    setWords("");
    try {
      await act();
    } catch (error) {
      setWords(wordsOf(error, k("failed")));
    } finally {
      setBusy(false);
    }
  };
  return (
    <>
      <button type="button" class="button small quiet" aria-label={named === undefined ? undefined : `${label}: ${named}`} disabled={busy} data-act={data} onClick={() => void press()}>
        {label}
      </button>
      {words && <span class="ac-words" role="alert">{words}</span>}
    </>
  );
}

/** The same for what cannot be undone: it asks first. */
export function Sure({ sure, ...rest }: { label: string; sure: string; named?: string; act: () => Promise<unknown>; data?: string }) {
  return <Asked {...rest} sure={sure} keep={k("keepIt")} failed={k("failed")} />;
}

interface ChoiceProps {
  name: string;
  label: string;
  options: [value: string, words: string][];
  value?: string;
}

export function Choice({ name, label, options, value }: ChoiceProps) {
  const id = useId();
  return (
    <div class="ac-field">
      <label for={id}>{label}</label>
      <select id={id} name={name}>
        {options.map(([one, words]) => <option key={one} value={one} selected={one === value}>{words}</option>)}
      </select>
    </div>
  );
}

/** A field with a value of its own, in one line or in many. */
export function Line({ name, label, value = "", hint, many, required = false, wrong }: {
  name: string;
  label: string;
  value?: string;
  hint?: string;
  many?: boolean;
  required?: boolean;
  wrong?: string | undefined;
}) {
  const id = useId();
  const said = wrong ?? hint;
  const rest = { id, name, required, "aria-describedby": said ? `${id}-said` : undefined, "aria-invalid": wrong ? true : undefined };
  return (
    <div class={wrong ? "ac-field wrong" : "ac-field"}>
      <label for={id}>{label}</label>
      {many ? <textarea {...rest} rows={8} spellcheck={false} defaultValue={value} /> : <input {...rest} autocomplete="off" defaultValue={value} />}
      {said && <span id={`${id}-said`} class="ac-said">{said}</span>}
    </div>
  );
}

/** One box to look for something. */
export function Search({ label, find }: { label: string; find: (text: string) => void }) {
  const id = useId();
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    find(String(new FormData(event.currentTarget as HTMLFormElement).get("q") ?? "").trim());
  };
  return (
    <form class="co-search" role="search" onSubmit={submit}>
      <label for={id}>{label}</label>
      <input id={id} name="q" type="search" autocapitalize="none" spellcheck={false} />
      <button class="button small">{k("find")}</button>
    </form>
  );
}

export function Card({ title, children }: { title: string; children: ComponentChildren }) {
  const id = useId();
  return (
    <section class="ac-card" aria-labelledby={id}>
      <h2 id={id}>{title}</h2>
      {children}
    </section>
  );
}

/** Days from now as milliseconds since 1970; nothing for an empty field. */
export function inDays(text: string | undefined): { expires_ms?: number } {
  const days = Number(text);
  return text?.trim() && Number.isFinite(days) && days > 0 ? { expires_ms: Date.now() + Math.round(days * 86_400_000) } : {};
}
