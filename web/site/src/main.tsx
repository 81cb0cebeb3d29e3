//! The entry: one page by the path, drawn again when the language changes.

import { parseWatchPath } from "@weir/player";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { language, onLanguage } from "./i18n";
import { Home } from "./pages/Home";
import { NotFound } from "./pages/NotFound";
import { Watch } from "./pages/Watch";
import { Header } from "./ui/Header";
import "./style.css";

function App() {
  const [, redraw] = useState(language());
  useEffect(() => onLanguage(redraw), []);
  return (
    <>
      <Header />
      <Page />
    </>
  );
}

function Page() {
  const name = parseWatchPath(location.pathname);
  if (name) return <Watch name={name} />;
  return location.pathname === "/" || location.pathname === "/index.html" ? <Home /> : <NotFound />;
}

render(<App />, document.getElementById("app")!);
