#!/usr/bin/env bash
# make dev: a debug build serving the demo, while the pages are built again at each change. A debug
# build reads the pages from web/dist as they are; restart it by hand after changing Rust.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

need_rust
need_web_dist
(cd web && exec npm run --silent build -w site -- --watch --logLevel warn) &
pages=$!
trap 'kill "$pages" 2>/dev/null || true' EXIT
cargo run --package weir -- serve --demo --data "${WEIR_DATA:-data}" "$@"
