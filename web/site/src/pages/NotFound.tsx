//! For a path that is no page.

import { t } from "../i18n";

export function NotFound() {
  return (
    <main id="main" class="page">
      <section class="message">
        <h1>{t("notFound")}</h1>
        <p>{t("notFoundHint")}</p>
        <p><a class="button" href="/">{t("back")}</a></p>
      </section>
    </main>
  );
}
