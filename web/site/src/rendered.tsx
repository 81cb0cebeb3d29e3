//! Pages that the server wrote whole: they can be read as they are, and a script adds what moves.

import { fetchLive } from "@weir/player";
import { render } from "preact";
import { LiveHome } from "./pages/Home";
import { store } from "./store";
import { toldIn } from "./told";

/** `page` is what the server calls it. */
export function enliven(page: string): void {
  if (followLanguage()) return;
  tellLocalTimes();
  if (page === "home") void enlivenHome();
  if (page === "channel") void import("./pages/Channel").then((channel) => channel.enlivenChannel());
}

/** The language that was chosen on this site counts on these pages too. Whether another page is on its way. */
function followLanguage(): boolean {
  const link = document.querySelector<HTMLAnchorElement>("a.language[data-lang]");
  const other = link?.dataset["lang"];
  if (!link || other === undefined) return false;
  link.addEventListener("click", () => store.setLanguage(other));
  const here = new URL(location.href);
  if (here.searchParams.has("lang") || store.language() !== other) return false;
  here.searchParams.set("lang", other);
  location.replace(here);
  return true;
}

/** The server writes times in UTC, for it does not know where who reads is. */
function tellLocalTimes(): void {
  const shown = new Intl.DateTimeFormat(document.documentElement.lang, { dateStyle: "medium", timeStyle: "short" });
  for (const time of document.querySelectorAll<HTMLTimeElement>("main time[datetime]")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent ?? "";
    time.textContent = shown.format(at);
  }
}

/** What the server wrote stays until the list is known. */
async function enlivenHome(): Promise<void> {
  const place = document.getElementById("home");
  if (!place) return;
  await fetchLive().catch(() => undefined);
  const told = toldIn(place);
  place.replaceChildren();
  render(<LiveHome told={told} />, place);
}
