#!/usr/bin/env bash
# What every script here agrees on; sourced, never run. One place for the environment of the build,
# because a compiler flag that differs between two commands rebuilds the world.
#
# No linker is chosen here: rustc on x86-64 Linux links with its own lld, and another one would
# change RUSTFLAGS, which a plain `cargo build` typed by hand would not share.
set -euo pipefail

export PATH="${CARGO_HOME:-$HOME/.cargo}/bin:$PATH"
export DEBIAN_FRONTEND=noninteractive
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-auto}"
if [ -n "${CI:-}" ]; then
    # Incremental state costs time and disk where nothing is built twice.
    export CARGO_INCREMENTAL=0 CARGO_TERM_PROGRESS_WHEN=never NO_COLOR=1
fi

# Where the scripts keep what they fetch or make for themselves; `make clean` removes it.
WEIR_TARGET=$(realpath -m "${CARGO_TARGET_DIR:-target}")
WEIR_TOOLS="$WEIR_TARGET/tools"
export WEIR_TARGET WEIR_TOOLS
