//! Whether everybody sees a page of the site's own, and from when on.

import type { OwnPage } from "@weir/api";
import { standingOf } from "./page";
import { time } from "./parts";
import { k } from "./strings";

export function Standing({ page }: { page: Pick<OwnPage, "publish_ms"> }) {
  const standing = standingOf(page.publish_ms);
  return <span data-standing={standing}>{k(`page_${standing}`)}{standing !== "draft" && ` · ${time(page.publish_ms)}`}</span>;
}
