#!/usr/bin/env bash
# make test: gets every player, browser and server the tests drive, then runs all of them. Nothing
# is skipped for want of a part: what cannot be had is named, and the run stops there.
# ARGS say which Rust tests, when not all: make test ARGS='--package weir-media'.
# Shows R5, R15 and R73.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

need_rust
need_apt curl ffmpeg openssl nginx libnginx-mod-stream redis-server postgresql libfaketime \
    chromium fonts-dejavu-core fonts-noto-cjk gstreamer1.0-tools gstreamer1.0-plugins-base gstreamer1.0-plugins-good \
    gstreamer1.0-plugins-bad gstreamer1.0-libav vlc-bin vlc-plugin-base
need_web_dist
need_pip_ffmpeg9
need_pip_wstest
need_pip_moto
need_pip_schemathesis
need_npm_oidc_provider

# have COMMAND…: the first one found, by its full path.
have() {
    local command
    for command in "$@"; do
        PATH="$PATH:/usr/sbin" command -v "$command" && return
    done
    die "one of: $* (installed, but not in PATH?)"
}
WEIR_FFMPEG=$(have ffmpeg)
WEIR_FFPROBE=$(have ffprobe)
WEIR_CHROMIUM=$(have chromium chromium-browser google-chrome)
WEIR_GST_LAUNCH=$(have gst-launch-1.0)
WEIR_VLC=$(have cvlc)
WEIR_NGINX=$(have nginx)
WEIR_OPENSSL=$(have openssl)
WEIR_NODE=$(have node)
WEIR_CURL=$(have curl)
WEIR_REDIS_SERVER=$(have redis-server)
export WEIR_REDIS_SERVER WEIR_CURL WEIR_FFMPEG WEIR_FFPROBE WEIR_CHROMIUM WEIR_GST_LAUNCH WEIR_VLC WEIR_NGINX WEIR_OPENSSL WEIR_NODE
# With this set a test whose tool is missing fails; without it (plain `cargo test`) it may pass over.
export WEIR_REQUIRE_TOOLS=1

logs="$WEIR_TARGET/test-logs"
rm -rf "$logs"
mkdir -p "$logs"
failed=()
took=()
# part NAME COMMAND…: runs on after a failure, so that one run shows all that is wrong.
part() {
    local name=$1 began=$SECONDS
    shift
    say "$name"
    "$@" 2>&1 | tee "$logs/${name%% *}.log" || failed+=("$name")
    took+=("$((SECONDS - began)) $name")
}
in_web() { (cd web && NO_COLOR=1 "$@"); }

scope=("$@")
[ ${#scope[@]} -gt 0 ] || scope=(--workspace)

part 'tidy' cargo xtask tidy
# Apart, so that the seconds of a part are what its tests take.
part 'build' cargo test --locked --no-run "${scope[@]}"
part 'nginx-conf' scripts/nginx-check.sh
part 'schemathesis' scripts/schemathesis.sh
part 'web-types' in_web npm run --silent check
part 'web-units' in_web npm run --silent test
# A browser on a shaped link is judged by what it does in time: nothing else may run beside it.
part 'rust' cargo test --locked --no-fail-fast "${scope[@]}" -- --skip slsp_browser::a_browser_ --skip faults::
part 'shaped' cargo test --locked --workspace --test e2e slsp_browser::a_browser_ -- --test-threads 1
# What becomes of a cluster when a part of it dies is a matter of time too; but these tests mostly wait,
# and some of them may wait together.
part 'faults' cargo test --locked --workspace --test cluster --test redis faults:: -- --test-threads 4

# Counts come from the runners' own closing lines. A part that failed without failing a test (it did
# not build, say) counts as one failure.
# count WORD PART: the sum of the numbers before WORD on those lines.
count() {
    [ -f "$logs/$2.log" ] || { echo 0; return; }
    awk -v word="$1" '
        /^test result:|^ *Tests  / { for (i = 2; i <= NF; i++) if ($i ~ "^" word) n += $(i - 1) }
        END { print n + 0 }' "$logs/$2.log"
}
rust_passed=$(($(count passed rust) + $(count passed shaped) + $(count passed faults)))
rust_failed=$(($(count failed rust) + $(count failed shaped) + $(count failed faults)))
rust_skipped=$(count ignored rust)
web_passed=$(count passed web-units)
web_failed=$(count failed web-units)
passed=$((rust_passed + web_passed))
lost=$((rust_failed + web_failed))
if [ ${#failed[@]} -gt 0 ] && [ "$lost" -eq 0 ]; then lost=${#failed[@]}; fi
if [ ${#failed[@]} -eq 0 ] && [ "$rust_passed" -eq 0 ]; then
    failed+=('rust (no test ran)')
    lost=1
fi

printf '\n'
printf 'seconds: %s\n' "${took[@]}"
printf '\nrust: %d passed, %d failed, %d ignored\n' "$rust_passed" "$rust_failed" "$rust_skipped"
printf 'web: %d passed, %d failed\n' "$web_passed" "$web_failed"
grep -hE '^test .* \.\.\. FAILED|^tidy: ' "$logs"/*.log || true
[ ${#failed[@]} -eq 0 ] || printf 'failed parts: %s\n' "${failed[*]}"
printf '%d passed, %d failed, %d skipped\n' "$passed" "$lost" "$rust_skipped"
[ ${#failed[@]} -eq 0 ]
