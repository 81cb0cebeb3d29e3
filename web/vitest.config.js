//! The unit tests import the packages by their sources, as the site does.

import { defineConfig } from "vitest/config";

export default defineConfig({ resolve: { tsconfigPaths: true } });
