#!/usr/bin/env bash
# make cluster: gets what is missing, builds, starts a whole cluster on this machine with a
# demo stream. `weir dev cluster` itself says where to go from there; ARGS go to it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

need_rust
# A Redis of one's own is named by --redis; Valkey does as well.
case " $* " in
    *' --redis'*) ;;
    *) command -v valkey-server >/dev/null || need_apt redis-server ;;
esac
need_web_dist
[ -x "$WEIR_TARGET/quick/weir" ] || say 'cargo build (the first time: some minutes)'
cargo build --profile quick --locked --package weir --no-default-features
exec "$WEIR_TARGET/quick/weir" dev cluster --publish-demo --data "${WEIR_DATA:-data}/cluster" "$@"
