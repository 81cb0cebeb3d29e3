//! Makes `<weir-player>` known to the page.

import { WeirPlayerElement } from "./weir-player";

export * from "../index";
export { WeirPlayerElement, type PlayerSettings, type WeirPlayerEventMap } from "./weir-player";

if (!customElements.get("weir-player")) customElements.define("weir-player", WeirPlayerElement);
