//! What stands in the player's place until somebody may watch: a box for the password, or who may.

import { useEffect, useState } from "preact/hooks";
import { follow, Refused, ticket, type Channel } from "../account/api";
import { Field, Form } from "../account/Form";
import { a } from "../account/strings";

const CLOSED = ["password", "followers", "private"];

/** Whether watching it takes a ticket. */
export const isClosed = (channel: Channel): boolean => CLOSED.includes(channel.visibility);

type Asked = "asking" | "password" | "follow" | "sign-in" | "private";

export function Leave({ channel, onTicket }: { channel: Channel; onTicket: (ticket: string) => void }) {
  const [asked, setAsked] = useState<Asked>("asking");
  const { name, visibility } = channel;
  const ask = async () => {
    try {
      // The owner and the team are not asked for a password.
      onTicket(await ticket(name, ""));
    } catch (error) {
      const status = error instanceof Refused ? error.status : 0;
      if (visibility === "password") setAsked("password");
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
      {asked === "sign-in" && <p><a class="button small" href="/account/sign-in">{a("signIn")}</a></p>}
    </section>
  );
}
