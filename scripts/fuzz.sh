#!/usr/bin/env bash
# make fuzz: each fuzz target for TIME seconds, or only those named: make fuzz ARGS='amf0 chunk'.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

time_s=${TIME:-60}
need_rust
need_apt g++
[ -f fuzz/Cargo.toml ] || die 'fuzz/Cargo.toml'
cargo +nightly --version >/dev/null 2>&1 \
    || die 'a nightly compiler, which fuzzing needs: rustup toolchain install nightly'
need_cargo_tool cargo-fuzz

targets=("$@")
[ ${#targets[@]} -gt 0 ] || mapfile -t targets < <(cargo +nightly fuzz list)
[ ${#targets[@]} -gt 0 ] || die 'a fuzz target in fuzz/'
failed=()
for target in "${targets[@]}"; do
    say "fuzz $target for $time_s s"
    cargo +nightly fuzz run "$target" -- -max_total_time="$time_s" -rss_limit_mb=2048 -print_final_stats=0 \
        || failed+=("$target")
done
printf '%d passed, %d failed\n' $((${#targets[@]} - ${#failed[@]})) ${#failed[@]}
[ ${#failed[@]} -eq 0 ] || die "a fix for: ${failed[*]} (the input is under fuzz/artifacts/)"
