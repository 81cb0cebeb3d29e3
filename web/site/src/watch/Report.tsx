//! A viewer says that something is wrong with a stream: one press, one choice.

import type { StreamName } from "@weir/player";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { ask, wordsOf } from "../api";
import { t, type Key } from "../i18n";
import { Icon } from "../ui/icons";

const REASONS = ["sexual", "violence", "hate", "self_harm", "copyright", "spam", "other"] as const;

export function Report({ name, onClose }: { name: StreamName; onClose: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [said, setSaid] = useState("");
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const reason = String(new FormData(event.currentTarget as HTMLFormElement).get("reason") ?? "other");
    try {
      await ask("stream_report", { path: { name: `${name.app}/${name.stream}/reports` }, body: { reason } });
      setSaid(t("reportHeard"));
    } catch (error) {
      setSaid(wordsOf(error, t("apiDown")));
    }
  };
  return (
    <dialog ref={dialog} class="share" aria-labelledby="report" onClose={onClose}>
      <div class="share-body">
        <div class="share-head">
          <h2 id="report">{t("report")}</h2>
          <button type="button" class="plain square" aria-label={t("close")} onClick={() => dialog.current?.close()}>
            <Icon name="close" size={20} />
          </button>
        </div>
        {said ? (
          <p role="status" data-reported>{said}</p>
        ) : (
          <form class="report" onSubmit={(event) => void send(event)}>
            <label for="report-reason">{t("reportWhy")}</label>
            <select id="report-reason" name="reason">
              {REASONS.map((reason) => <option key={reason} value={reason}>{t(`report_${reason}` as Key)}</option>)}
            </select>
            <button class="button">{t("report")}</button>
          </form>
        )}
      </div>
    </dialog>
  );
}
