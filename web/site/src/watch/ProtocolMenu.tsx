//! The choice of protocol: a menu of radio items by the ARIA practices.

import { PROTOCOLS, type PlayerStatus, type Protocol } from "@weir/player";
import { useLayoutEffect, useRef } from "preact/hooks";
import { PROTOCOL_NAME } from "../format";
import { t, type Key } from "../i18n";
import { Icon } from "../ui/icons";

const HINT: Record<Protocol, Key> = { flv: "flvHint", wsflv: "wsflvHint", hls: "hlsHint", ts: "tsHint" };

export function ProtocolMenu(props: {
  status: PlayerStatus | null;
  choice: Protocol | null;
  onChoose: (protocol: Protocol | null) => void;
  onClose: () => void;
}) {
  const menu = useRef<HTMLDivElement>(null);
  // Before the next key can come, so that a quick one lands here.
  useLayoutEffect(() => {
    const opener = document.activeElement;
    menu.current?.querySelector<HTMLElement>("[aria-checked=true]")?.focus();
    const outside = (event: PointerEvent) => {
      if (!menu.current?.contains(event.target as Node)) props.onClose();
    };
    document.addEventListener("pointerdown", outside);
    return () => {
      document.removeEventListener("pointerdown", outside);
      if (opener instanceof HTMLElement) opener.focus();
    };
  }, []);

  const onKeyDown = (event: KeyboardEvent) => {
    const items = [...(menu.current?.querySelectorAll<HTMLElement>("button:not(:disabled)") ?? [])];
    const at = items.indexOf(document.activeElement as HTMLElement);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    const to = steps[event.key];
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") props.onClose();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };

  return (
    <div ref={menu} class="menu" role="menu" aria-label={t("protocol")} onKeyDown={onKeyDown}>
      {([null, ...PROTOCOLS] as const).map((protocol) => {
        const possible = protocol === null || (props.status?.available.includes(protocol) ?? true);
        const hint = protocol === null ? "automaticHint" : possible ? HINT[protocol] : "notHere";
        return (
          <button
            key={protocol ?? "auto"}
            type="button"
            role="menuitemradio"
            aria-checked={props.choice === protocol}
            disabled={!possible}
            onClick={() => {
              props.onChoose(protocol);
              props.onClose();
            }}
          >
            <span class="tick">{props.choice === protocol && <Icon name="check" size={18} />}</span>
            <span>
              <b>{protocol === null ? t("automatic") : PROTOCOL_NAME[protocol]}</b>
              <small>{t(hint)}</small>
            </span>
          </button>
        );
      })}
    </div>
  );
}
