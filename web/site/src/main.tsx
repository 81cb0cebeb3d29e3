//! The entry: one page by the path, drawn again when the language changes.

import { parseEmbedPath, parseWatchPath } from "@weir/player";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { language, onLanguage } from "./i18n";
import { Embed } from "./pages/Embed";
import { Home } from "./pages/Home";
import { NotFound } from "./pages/NotFound";
import { Watch } from "./pages/Watch";
import { enliven } from "./rendered";
import { Header } from "./ui/Header";
import { Lazy } from "./ui/Lazy";
import "./style.css";

function App() {
  const [, redraw] = useState(language());
  useEffect(() => onLanguage(redraw), []);
  const embedded = parseEmbedPath(location.pathname);
  if (embedded) return <Embed name={embedded} />;
  return (
    <>
      <Header />
      <Page />
    </>
  );
}

const studio = () => import("./pages/Studio").then((page) => page.Studio);
const past = () => import("./pages/PastBroadcasts").then((page) => page.PastBroadcasts);
const earnings = () => import("./pages/Earnings").then((page) => page.Earnings);
const board = () => import("./pages/Console").then((page) => page.Console);
const account = () => import("./pages/Account").then((page) => page.Account);
const channel = () => import("./pages/Channel").then((page) => page.Channel);
const docs = () => import("./pages/Docs").then((page) => page.Docs);

function Page() {
  const name = parseWatchPath(location.pathname);
  if (name) return <Watch name={name} />;
  const path = location.pathname.replace(/\/$/, "");
  if (path === "/studio") return <Lazy load={studio} />;
  if (path === "/studio/gifts") return <Lazy load={earnings} />;
  if (path === "/studio/recordings") return <Lazy load={past} />;
  if (path === "/console" || path.startsWith("/console/")) return <Lazy load={board} />;
  if (path === "/account" || path.startsWith("/account/")) return <Lazy load={account} />;
  if (/^\/c\/[^/]+$/.test(path)) return <Lazy load={channel} />;
  if (path === "/docs") return <Lazy load={docs} />;
  return location.pathname === "/" || location.pathname === "/index.html" ? <Home /> : <NotFound />;
}

const { rendered } = document.documentElement.dataset;
// A page that came with its words gets what moves; all others are made here.
if (rendered === undefined) render(<App />, document.getElementById("app")!);
else enliven(rendered);
