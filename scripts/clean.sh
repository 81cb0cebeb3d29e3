#!/usr/bin/env bash
# make clean: removes what was built and fetched; never the data folder.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh

rm -rf web/dist web/node_modules web/packages/*/node_modules web/site/node_modules \
    web/packages/*/dist web/site/public/sdk \
    fuzz/target bench/out "$WEIR_TOOLS" "$WEIR_TARGET/web-dist.stamp"
cargo clean
