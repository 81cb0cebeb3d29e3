#!/usr/bin/env bash
# make bench: builds what is measured, then hands over to bench/run.sh. Nothing here is a test:
# numbers are compared within one run, and none of them can fail it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

need_rust
[ -x bench/run.sh ] || die 'bench/run.sh'
need_apt ffmpeg nginx libnginx-mod-rtmp
need_web_dist
cargo build --release --locked --package weir
export WEIR="$WEIR_TARGET/release/weir"
exec bench/run.sh "$@"
