//! The bar under the picture.

import type { Player, PlayerStatus, Protocol } from "@weir/player";
import { useEffect, useState } from "preact/hooks";
import { PROTOCOL_NAME } from "../format";
import { t } from "../i18n";
import { Icon, type IconName } from "../ui/icons";
import type { Toggle } from "./gestures";
import { LATENCY_TEXT, useLatency } from "./latency";
import { ProtocolMenu } from "./ProtocolMenu";

interface Props {
  status: PlayerStatus | null;
  player: { current: Player | null };
  choice: Protocol | null;
  onChoose: (protocol: Protocol | null) => void;
  setMuted: (muted: boolean) => void;
  setVolume: (volume: number) => void;
  showStats: boolean;
  toggleStats: () => void;
  onShare: () => void;
  fullscreen: Toggle;
  pip: Toggle;
}

export function Controls(props: Props) {
  const { status, player } = props;
  const [menu, setMenu] = useState(false);
  const paused = status?.paused ?? false;
  const resting = status?.state === "waiting" || status?.state === "offline" || status?.state === "error";
  const muted = (status?.muted ?? true) || status?.volume === 0;
  return (
    <>
      {menu && (
        <ProtocolMenu status={status} choice={props.choice} onChoose={props.onChoose} onClose={() => setMenu(false)} />
      )}
      <div class="controls">
        {!resting && (
          <Button icon={paused ? "play" : "pause"} label={t(paused ? "play" : "pause")} onClick={() => player.current?.togglePlay()} />
        )}
        <Button icon={muted ? "muted" : "volume"} label={t(muted ? "unmute" : "mute")} onClick={() => props.setMuted(!muted)} />
        <input
          class="volume"
          type="range"
          min="0"
          max="1"
          step="0.01"
          aria-label={t("volume")}
          value={muted ? 0 : (status?.volume ?? 1)}
          style={{ "--at": `${(muted ? 0 : (status?.volume ?? 1)) * 100}%` }}
          onInput={(event) => props.setVolume(Number(event.currentTarget.value))}
        />
        {!resting && <LivePill player={player} playing={status?.state === "playing"} />}
        <span class="gap" />
        <button
          type="button"
          class="control wide"
          aria-haspopup="menu"
          aria-expanded={menu}
          aria-label={`${t("protocol")}: ${status?.protocol ? PROTOCOL_NAME[status.protocol] : t("automatic")}`}
          onPointerDown={(event) => event.stopPropagation()}
          onClick={() => setMenu(!menu)}
        >
          <Icon name="route" />
          <span>{status?.protocol ? PROTOCOL_NAME[status.protocol] : ""}</span>
        </button>
        <Button icon="stats" label={t("statistics")} pressed={props.showStats} onClick={props.toggleStats} />
        <Button icon="share" label={t("share")} onClick={props.onShare} className="roomy" />
        {props.pip.possible && <Button icon="pip" label={t("pip")} pressed={props.pip.on} onClick={props.pip.toggle} className="roomy" />}
        <Button
          icon={props.fullscreen.on ? "shrink" : "fullscreen"}
          label={t(props.fullscreen.on ? "exitFullscreen" : "fullscreen")}
          onClick={props.fullscreen.toggle}
        />
      </div>
    </>
  );
}

function Button(props: { icon: IconName; label: string; onClick: () => void; pressed?: boolean; className?: string }) {
  return (
    <button
      type="button"
      class={`control ${props.className ?? ""}`}
      aria-label={props.label}
      title={props.label}
      {...(props.pressed === undefined ? {} : { "aria-pressed": props.pressed })}
      onClick={props.onClick}
    >
      <Icon name={props.icon} />
    </button>
  );
}

/** The latency, under the name it deserves; a click goes to the newest frame. */
function LivePill({ player, playing }: { player: { current: Player | null }; playing: boolean }) {
  const latency = useLatency(player);
  const [late, setLate] = useState(false);
  useEffect(() => {
    if (latency) setLate((was) => latency.ms > (was ? 5000 : 8000));
  }, [latency?.ms]);
  const text = latency ? LATENCY_TEXT[latency.kind] : null;
  return (
    <button
      type="button"
      class={`pill${playing ? " on" : ""}${late ? " late" : ""}`}
      title={text ? `${t(text.hint)}. ${t("jumpToLive")}` : t("jumpToLive")}
      aria-label={t("jumpToLive")}
      disabled={!playing}
      onClick={() => player.current?.jumpToLive()}
    >
      <i aria-hidden="true" />
      <b>{t("live")}</b>
      {playing && latency && text && <span>{t(text.label)} {(latency.ms / 1000).toFixed(1)} s</span>}
    </button>
  );
}
