//! The bar on top: mark, name, language.

import { language, setLanguage, t } from "../i18n";
import { Mark } from "./icons";

export function Header() {
  const other = language() === "zh" ? "en" : "zh";
  return (
    <header class="top">
      <a class="skip" href="#main">{t("skip")}</a>
      <a class="brand" href="/" aria-label={t("home")}>
        <Mark />
        <span>weir</span>
      </a>
      <span class="tagline">{t("tagline")}</span>
      <a class="plain account-link" href="/account">{t("account")}</a>
      <button
        class="plain language"
        type="button"
        lang={other === "zh" ? "zh-CN" : "en"}
        onClick={() => setLanguage(other, true)}
      >
        {other === "zh" ? "中文" : "English"}
      </button>
    </header>
  );
}
