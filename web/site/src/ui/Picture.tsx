//! A picture that somebody sent, in the size that fits: WebP, and JPEG for browsers without.

import { useEffect, useState } from "preact/hooks";
import { ask } from "../api";

/** Widths that are kept of each kind. */
const WIDTHS = { avatar: [64, 256], cover: [320, 640, 1280] } as const;
/** Height of one pixel of width. */
const SHAPE = { avatar: 1, cover: 9 / 16 } as const;

export type PictureKind = keyof typeof WIDTHS;

let asked: Promise<string> | undefined;

/** What stands before `/i/`: nothing, unless pictures have a listener of their own. */
async function place(): Promise<string> {
  const { pictures } = await ask("addresses");
  if (!pictures) return "";
  return pictures.startsWith(":") ? `http://${location.hostname}${pictures}` : pictures;
}

/** What stands before `/i/`; undefined until it is known. */
export function usePlace(): string | undefined {
  const [known, setKnown] = useState<string>();
  useEffect(() => {
    let gone = false;
    asked ??= place();
    void asked.catch(() => "").then((found) => void (gone || setKnown(found)));
    return () => void (gone = true);
  }, []);
  return known;
}

interface Props {
  kind: PictureKind;
  id: string;
  /** Pixels of the page that it takes at most. */
  width: number;
  alt: string;
}

export function Picture({ kind, id, width, alt }: Props) {
  const before = usePlace();
  if (before === undefined || !id) return null;
  const at = (ending: string) => WIDTHS[kind].map((w) => `${before}/i/${id}-${w}.${ending} ${w}w`).join(", ");
  const sizes = `min(100vw, ${width}px)`;
  const least = WIDTHS[kind].find((w) => w >= width) ?? WIDTHS[kind][WIDTHS[kind].length - 1];
  return (
    <picture class={`picture ${kind}`}>
      <source type="image/webp" srcset={at("webp")} sizes={sizes} />
      <img
        src={`${before}/i/${id}-${least}.jpg`}
        srcset={at("jpg")}
        sizes={sizes}
        width={width}
        height={Math.round(width * SHAPE[kind])}
        alt={alt}
        decoding="async"
      />
    </picture>
  );
}
