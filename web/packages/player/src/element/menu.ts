//! A menu of radio items in groups, by the ARIA practices: arrows move, Escape closes, and the focus
//! goes back to the button it came from.

import { h, icon } from "./dom";

export interface MenuItem {
  label: string;
  hint?: string;
  checked: boolean;
  disabled?: boolean;
  choose: () => void;
}

export interface MenuGroup {
  title: string;
  items: MenuItem[];
}

export class Menu {
  readonly root = h("div", { class: "menu", part: "menu", role: "menu", hidden: true });
  private opener: HTMLElement | null = null;
  private readonly outside = (event: Event) => {
    const path = event.composedPath();
    if (!path.includes(this.root) && !(this.opener && path.includes(this.opener))) this.close(false);
  };

  constructor() {
    this.root.addEventListener("keydown", (event) => this.onKey(event));
  }

  get isOpen(): boolean {
    return this.opener !== null;
  }

  /** Opens for this button, or closes if it is open for it. */
  toggle(opener: HTMLElement, label: string, groups: MenuGroup[]): void {
    if (this.opener === opener) return this.close(true);
    this.close(false);
    this.opener = opener;
    opener.setAttribute("aria-expanded", "true");
    this.root.setAttribute("aria-label", label);
    this.root.replaceChildren(...groups.map((group) => this.group(group)));
    this.root.hidden = false;
    document.addEventListener("pointerdown", this.outside, true);
    (this.root.querySelector<HTMLElement>("[aria-checked=true]") ?? this.items()[0])?.focus();
  }

  close(focusBack: boolean): void {
    document.removeEventListener("pointerdown", this.outside, true);
    this.opener?.setAttribute("aria-expanded", "false");
    if (focusBack) this.opener?.focus();
    this.opener = null;
    this.root.hidden = true;
  }

  private group({ title, items }: MenuGroup): HTMLElement {
    return h("div", { role: "group", "aria-label": title }, h("h3", { "aria-hidden": "true" }, title), ...items.map((item) => this.item(item)));
  }

  private item({ label, hint, checked, disabled, choose }: MenuItem): HTMLElement {
    const words = h("span", {}, h("b", {}, label), hint && h("small", {}, hint));
    const onclick = () => {
      this.close(true);
      choose();
    };
    return h(
      "button",
      { type: "button", part: "menu-item", role: "menuitemradio", "aria-checked": String(checked), disabled, onclick },
      h("span", { class: "tick" }, checked && icon("check", 18)),
      words,
    );
  }

  private items(): HTMLElement[] {
    return [...this.root.querySelectorAll<HTMLElement>("button:not(:disabled)")];
  }

  private onKey(event: KeyboardEvent): void {
    const items = this.items();
    const root = this.root.getRootNode() as ShadowRoot;
    const at = items.indexOf(root.activeElement as HTMLElement);
    const steps: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 };
    const to = steps[event.key];
    if (to !== undefined) items.at(to % items.length)?.focus();
    else if (event.key === "Escape" || event.key === "Tab") this.close(true);
    else if (event.key !== "Enter" && event.key !== " ") return;
    else return event.stopPropagation();
    event.preventDefault();
    event.stopPropagation();
  }
}
