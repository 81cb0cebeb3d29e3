#!/usr/bin/env bash
# make lint: everything that is wrong without running anything.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

need_rust
need_apt shellcheck
cargo fmt --version >/dev/null 2>&1 || die 'rustfmt: rustup component add rustfmt'
cargo clippy --version >/dev/null 2>&1 || die 'clippy: rustup component add clippy'
need_cargo_tool cargo-deny
need_web_dist

say 'cargo fmt --check'
cargo fmt --all --check
say 'shellcheck'
shopt -s nullglob
shellcheck -x .ci/run scripts/*.sh bench/*.sh fuzz/*.sh
say 'cargo xtask tidy'
cargo xtask tidy
say 'cargo deny check bans licenses sources'
cargo deny --log-level error check bans licenses sources
say 'web: types'
(cd web && npm run --silent check)
say 'cargo clippy'
cargo clippy --locked --workspace --all-targets -- -D warnings
say 'lint: all clean'
