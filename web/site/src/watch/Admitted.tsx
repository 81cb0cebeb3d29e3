//! The player, and what stands in its place until somebody may watch: a box for the password, or who may. Pages of
//! channels and of streams have it.

import type { PlayerStatus } from "@weir/player";
import { useEffect, useMemo, useState } from "preact/hooks";
import { follow, ticket, type Channel } from "../account/api";
import { Refused } from "../api";
import { Field, Form } from "../account/Form";
import { a } from "../account/strings";
import "../css/account.css";
import { wantsLeave } from "./leave";
import { LivePlayer, type LivePlayerProps } from "./LivePlayer";

const CLOSED = ["password", "followers", "private"];

/** Whether watching it takes a ticket. */
const isClosed = (channel: Channel): boolean => CLOSED.includes(channel.visibility);

interface AdmittedProps extends LivePlayerProps {
  /** The channel that the stream is of. */
  channel: Channel;
}

/** The player of a stream, or what stands before it where not everybody may watch. */
export function Admitted({ channel, name, query, onStatus, ...rest }: AdmittedProps) {
  const [ticket, setTicket] = useState<string | null>(null);
  // It was opened since somebody read that it is closed.
  const [opened, setOpened] = useState(false);
  useEffect(() => setOpened(false), [channel.visibility]);
  const closed = isClosed(channel) && !opened;
  const asked = useMemo(() => {
    if (!closed || !ticket) return query;
    return { ...query, media: `${query.media ? `${query.media}&` : "?"}ticket=${encodeURIComponent(ticket)}` };
  }, [query, closed, ticket]);
  const seen = (status: PlayerStatus) => {
    // The leave was taken back, or is over: ask anew.
    if (ticket && wantsLeave(status)) setTicket(null);
    onStatus?.(status);
  };
  if (closed && !ticket) return <Leave channel={channel} framed={!rest.keep} onTicket={setTicket} onOpened={() => setOpened(true)} />;
  return <LivePlayer key={`${ticket ?? ""} ${closed}`} {...rest} name={name} query={asked} onStatus={seen} />;
}

type Asked = "asking" | "password" | "follow" | "sign-in" | "private";

interface LeaveProps {
  channel: Channel;
  /** In a frame of somebody's page nobody signs in: browsers keep the site's cookie from it. */
  framed: boolean;
  onTicket: (ticket: string) => void;
  onOpened: () => void;
}

function Leave({ channel, framed, onTicket, onOpened }: LeaveProps) {
  const [asked, setAsked] = useState<Asked>("asking");
  const { name, visibility } = channel;
  const ask = async () => {
    try {
      // The owner and the team are not asked for a password.
      onTicket(await ticket(name, ""));
    } catch (error) {
      const status = error instanceof Refused ? error.status : 0;
      if (status === 409) onOpened();
      else if (visibility === "password") setAsked("password");
      else if (visibility === "private") setAsked("private");
      else setAsked(status === 401 ? "sign-in" : "follow");
    }
  };
  useEffect(() => void ask(), [name, visibility]);
  const open = async (values: Record<string, string>) => onTicket(await ticket(name, values["password"] ?? ""));
  const join = async () => {
    await follow(name);
    await ask();
  };
  if (asked === "asking") return <p role="status">{a("loading")}</p>;
  return (
    <section class="ac-card" data-leave={asked} aria-labelledby="ac-leave">
      <h2 id="ac-leave">{a(asked === "password" ? "hasPassword" : asked === "private" ? "isPrivate" : "forFollowers")}</h2>
      {asked === "password" && (
        <Form button={a("watch")} send={open}>
          {(wrong) => <Field name="password" type="password" label={a("channelPassword")} wrong={wrong["password"]} />}
        </Form>
      )}
      {asked === "follow" && <Form button={a("followToWatch")} send={join}>{() => null}</Form>}
      {asked === "sign-in" && !framed && <p><a class="button small" href="/account/sign-in">{a("signIn")}</a></p>}
      {asked !== "password" && framed && (
        <p><a class="button small" href={`/c/${encodeURIComponent(name)}`} target="_blank" rel="noopener">{a("watch")}</a></p>
      )}
    </section>
  );
}
