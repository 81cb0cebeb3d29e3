//! What stands before the tiles for a moment: the keys, and what an act needs to be told.

import type { ReviewItem } from "@weir/api";
import type { ComponentChildren } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { t } from "../../i18n";
import type { Verdict } from "./desk";
import { SHOWN } from "./keys";
import { r } from "./strings";

const REASONS = ["sexual", "violence", "hate", "self_harm", "copyright", "spam"] as const;
/** 0: until somebody lifts it. */
const HOURS = [1, 24, 168, 0] as const;

interface ModalProps {
  title: string;
  close: () => void;
  wide?: boolean;
  children: ComponentChildren;
}

export function Modal({ title, close, wide, children }: ModalProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useLayoutEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class={wide ? "rv-dialog rv-detail" : "rv-dialog"} aria-labelledby={id} onClose={close}>
      <div class="rv-dialog-head">
        <h2 id={id} tabIndex={-1} autofocus={wide === true}>{title}</h2>
        <button type="button" class="plain square" aria-label={t("close")} onClick={() => dialog.current?.close()}>×</button>
      </div>
      {children}
    </dialog>
  );
}

export function Help() {
  return (
    <dl class="rv-keys">
      {SHOWN.map(([key, words]) => (
        <div key={key}>
          <dt><kbd>{key.length > 1 ? r(key as "space") : key}</kbd></dt>
          <dd>{r(words)}</dd>
        </div>
      ))}
    </dl>
  );
}

interface OrderProps {
  verdict: Exclude<Verdict, "ok">;
  on: ReviewItem[];
  give: (more: { reason: string; hours?: number }) => void;
  close: () => void;
}

/** Why, and for how long. Enter is enough where the first of each is right. */
export function Order({ verdict, on, give, close }: OrderProps) {
  const [reason, setReason] = useState<string>(r(REASONS[0]));
  const [hours, setHours] = useState<number>(24);
  const ids = { words: useId(), list: useId(), hours: useId() };
  const n = on.length === 1 ? on[0]!.stream : on.length;
  const isAppeal = on.some(({ kind }) => kind === "appeal");
  const submit = (event: Event) => {
    event.preventDefault();
    const words = reason.trim();
    if (words) give({ reason: words, ...(verdict === "ban" && hours > 0 && { hours }) });
  };
  return (
    <Modal title={r(`dialog_${verdict}`, { n })} close={close}>
      <form class="rv-order" onSubmit={submit} data-order={verdict}>
        <label for={ids.words}>{r(isAppeal ? "reasonAppeal" : "reason")}</label>
        <input id={ids.words} name="reason" required maxLength={160} list={ids.list} value={reason} autofocus onInput={(event) => setReason(event.currentTarget.value)} onFocus={(event) => event.currentTarget.select()} />
        <datalist id={ids.list}>{REASONS.map((one) => <option key={one} value={r(one)} />)}</datalist>
        {verdict === "ban" && !isAppeal && (
          <>
            <label for={ids.hours}>{r("forHours")}</label>
            <select id={ids.hours} name="hours" value={hours} onChange={(event) => setHours(Number(event.currentTarget.value))}>
              {HOURS.map((one) => <option key={one} value={one}>{r(`hours_${one}`)}</option>)}
            </select>
            <p class="rv-hint">{r("secondLook")}</p>
          </>
        )}
        <div class="co-row">
          <button class="button">{r(verdict)}</button>
          <button type="button" class="button quiet" onClick={close}>{r("cancel")}</button>
        </div>
      </form>
    </Modal>
  );
}
