#!/usr/bin/env bash
# make run: gets what is missing, builds, starts weir with its demo stream.
# weir itself prints where to go from there.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

need_rust
need_web_dist
[ -x "$WEIR_TARGET/quick/weir" ] || say 'cargo build (the first time: some minutes)'
cargo build --profile quick --locked --package weir --no-default-features
exec "$WEIR_TARGET/quick/weir" serve --demo --data "${WEIR_DATA:-data}" "$@"
