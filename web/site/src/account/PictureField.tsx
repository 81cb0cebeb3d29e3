//! Picks a file, shows it, sends it with its progress, and says what was refused. Removes what is there.

import { useEffect, useId, useRef, useState } from "preact/hooks";
import { Picture, type PictureKind } from "../ui/Picture";
import { wordsOf } from "../api";
import { a } from "./strings";

/** Bytes that the server takes. */
const MAX_BYTES = 10 * 1024 * 1024;
const TYPES = "image/jpeg,image/png,image/webp,image/gif";

interface Props {
  kind: PictureKind;
  label: string;
  /** Of the picture that is there; empty for none. */
  id: string;
  /** Gives the id that it has then. */
  send: (file: File, progress: (part: number) => void) => Promise<string>;
  remove: () => Promise<void>;
}

export function PictureField({ kind, label, id, send, remove }: Props) {
  const [shown, setShown] = useState(id);
  const [picked, setPicked] = useState<{ file: File; preview: string } | null>(null);
  const [part, setPart] = useState<number | null>(null);
  const [words, setWords] = useState("");
  const input = useRef<HTMLInputElement>(null);
  const field = useId();
  useEffect(() => setShown(id), [id]);

  const clear = () => {
    setPicked(null);
    if (input.current) input.current.value = "";
  };
  const pick = async () => {
    const file = input.current?.files?.[0];
    setWords("");
    if (!file) return clear();
    if (file.size > MAX_BYTES) {
      clear();
      return setWords(a("pictureTooLarge"));
    }
    setPicked({ file, preview: await dataUrl(file) });
  };
  const act = async (work: () => Promise<string>) => {
    setWords("");
    setPart(0);
    try {
      setShown(await work());
      clear();
    } catch (error) {
      setWords(wordsOf(error, a("down")));
    } finally {
      setPart(null);
    }
  };
  const upload = () => picked && void act(() => send(picked.file, setPart));
  const drop = () => void act(() => remove().then(() => ""));

  return (
    <div class={`ac-picture ${kind}`} aria-busy={part !== null}>
      <label for={field}>{label}</label>
      {picked ? <img class={`picture ${kind}`} src={picked.preview} alt={a("picturePreview")} /> : <Picture kind={kind} id={shown} width={kind === "avatar" ? 96 : 320} alt={label} />}
      <input ref={input} id={field} type="file" accept={TYPES} aria-describedby={`${field}-hint`} onChange={() => void pick()} />
      <span id={`${field}-hint`} class="ac-said">{a("pictureHint")}</span>
      {part !== null && <progress max={1} value={part} aria-label={a("pictureSending")} />}
      <p class="ac-words" role="alert">{words}</p>
      <p class="ac-acts">
        {picked && <button type="button" class="button small" disabled={part !== null} onClick={upload}>{a("pictureSave")}</button>}
        {picked && <button type="button" class="plain" disabled={part !== null} onClick={clear}>{a("pictureCancel")}</button>}
        {!picked && shown && <button type="button" class="plain" disabled={part !== null} onClick={drop}>{a("pictureRemove")}</button>}
      </p>
    </div>
  );
}

/** The page's policy takes pictures of this server and those that stand in the page itself. */
function dataUrl(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result));
    reader.onerror = () => reject(new Error("unreadable"));
    reader.readAsDataURL(file);
  });
}
