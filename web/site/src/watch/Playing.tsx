//! The player of a stream; where it is refused and the stream is a channel's that is not for everybody, what asks for
//! leave.

import type { PlayerStatus, StreamName } from "@weir/player";
import type { ComponentType } from "preact";
import { useRef, useState } from "preact/hooks";
import { LivePlayer, type LivePlayerProps } from "./LivePlayer";
import { wantsLeave } from "./leave";

export function Playing(props: LivePlayerProps) {
  const { name, onStatus } = props;
  const [closed, setClosed] = useState<ComponentType<LivePlayerProps> | null>(null);
  const asked = useRef(false);
  const seen = (status: PlayerStatus) => {
    onStatus?.(status);
    if (asked.current || !wantsLeave(status)) return;
    asked.current = true;
    // Who finds no channel, or no server, is shown what the player says.
    void closedChannel(name).then((part) => part && setClosed(() => part), () => {});
  };
  const Part = closed ?? LivePlayer;
  return <Part {...props} onStatus={seen} />;
}

/** What asks for leave to watch the channel of this stream; null where there is no such one. */
async function closedChannel(name: StreamName): Promise<ComponentType<LivePlayerProps> | null> {
  const [{ channel: find }, { Admitted }] = await Promise.all([import("../account/api"), import("./Admitted")]);
  const channel = await find(name.stream);
  if (channel.stream !== `${name.app}/${name.stream}`) return null;
  return (props) => <Admitted channel={channel} {...props} />;
}
