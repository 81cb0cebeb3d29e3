//! A page that is fetched when it is asked for: nobody loads what they do not look at.

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n";

export function Lazy({ load }: { load: () => Promise<ComponentType> }) {
  const [page, setPage] = useState<{ Page: ComponentType } | "failed" | null>(null);
  useEffect(() => {
    load().then((Page) => setPage({ Page }), () => setPage("failed"));
  }, []);
  if (page === null) return <main id="main" class="page" aria-busy="true" />;
  if (page !== "failed") return <page.Page />;
  return (
    <main id="main" class="page">
      <section class="message" role="alert">
        <h1>{t("apiDown")}</h1>
        <p><button type="button" class="button" onClick={() => location.reload()}>{t("retry")}</button></p>
      </section>
    </main>
  );
}
