//! What lies over the picture when there is something to say: connecting, waiting, ended, refused,
//! and the button for sound.

import type { Player, PlayerStatus } from "@weir/player";
import { codecName, PROTOCOL_NAME } from "../format";
import { t, type Key } from "../i18n";
import { Icon } from "../ui/icons";

interface Props {
  status: PlayerStatus | null;
  player: { current: Player | null };
  onSound: () => void;
}

export function Overlay({ status, player, onSound }: Props) {
  const state = status?.state ?? "loading";
  if (status?.playBlocked) {
    return (
      <button type="button" class="veil big-play" onClick={() => player.current?.play()}>
        <Icon name="play" size={56} />
        <span>{t("tapToPlay")}</span>
      </button>
    );
  }
  if (state === "waiting") return <Still title="waiting" hint="waitingHint" />;
  if (state === "offline") return <Still title="offline" hint="offlineHint" />;
  if (state === "error") return <Trouble status={status!} retry={() => player.current?.retry()} />;
  if (state === "loading" && !status?.paused) {
    return (
      <div class="veil thin">
        <div class="spinner" />
        <p>{stateText(status)}</p>
      </div>
    );
  }
  if (status?.soundBlocked && status.info?.audio !== null && !status.paused) {
    return (
      <button type="button" class="sound" onClick={onSound}>
        <Icon name="muted" size={20} />
        {t("tapForSound")}
      </button>
    );
  }
  return null;
}

/** Nothing is wrong: it is quiet water. */
function Still({ title, hint }: { title: Key; hint: Key }) {
  return (
    <div class="veil">
      <div class="ripples"><i /><i /><i /></div>
      <h2>{t(title)}</h2>
      <p>{t(hint)}</p>
    </div>
  );
}

function Trouble({ status, retry }: { status: PlayerStatus; retry: () => void }) {
  const { fault, info } = status;
  const kind = fault?.kind ?? "unreachable";
  const codecs = [info?.video, info?.audio].flatMap((track) => (track ? [codecName(track.codec)] : [])).join(" + ");
  const hint =
    kind === "refused"
      ? [fault?.message, fault?.advice].filter(Boolean).join(" · ")
      : kind === "unplayable"
        ? t("unplayableHint", { codecs: codecs || "?" })
        : t("unreachableHint");
  return (
    <div class="veil">
      <span class="alert"><Icon name="alert" size={44} /></span>
      <h2>{t(kind)}</h2>
      <p>{hint}</p>
      {fault?.code !== undefined && <p class="code">{t("code", { code: `${fault.code} ${fault.name ?? ""}`.trim() })}</p>}
      <button type="button" class="button" onClick={retry}>{t("retry")}</button>
    </div>
  );
}

/** One line for the state, also read out to those who do not see it. */
export function stateText(status: PlayerStatus | null): string {
  switch (status?.state) {
    case "playing":
      if (status.paused) return t("pausedState");
      return t("playing", { protocol: status.protocol ? PROTOCOL_NAME[status.protocol] : "" });
    case "waiting":
      return `${t("waiting")}. ${t("waitingHint")}`;
    case "offline":
      return `${t("offline")}. ${t("offlineHint")}`;
    case "error":
      return t(status.fault?.kind ?? "unreachable");
    case "loading":
      return status.info && status.protocol ? t("buffering") : t("connecting");
    default:
      return t("connecting");
  }
}
