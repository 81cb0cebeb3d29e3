//! A dialog of the chat: beside the picture, or from below on a telephone.

import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../../ui/icons";
import { c } from "./strings";

export function Dialog({ title, onClose, children }: { title: string; onClose: () => void; children: ComponentChildren }) {
  const dialog = useRef<HTMLDialogElement>(null);
  useLayoutEffect(() => dialog.current?.showModal(), []);
  const close = () => dialog.current?.close();
  return (
    <dialog
      ref={dialog}
      class="share chat-dialog"
      aria-labelledby="chat-dialog"
      onClose={onClose}
      onClick={(event) => event.target === dialog.current && close()}
    >
      <div class="share-body">
        <div class="share-head">
          <h2 id="chat-dialog">{title}</h2>
          <button type="button" class="plain square" aria-label={c("close")} onClick={close}><Icon name="close" size={20} /></button>
        </div>
        {children}
      </div>
    </dialog>
  );
}
