#!/usr/bin/env bash
# Measures weir on this machine and prints a table; see README.md for how to read it.
#
#   bench/run.sh [quick|full] [section…]
#   sections: start fanout check nginx memory churn publishers slsp join stalled hls pages browser   (default: all these)
#             snapshots review gifts
#             lists-sqlite lists-postgres sign-in tickets edge-keys events, or people for all six
#             chat chat-rooms chat-idle chat-peers
#             record-cost -many -long -edge -crash, or recordings for all five
#             cluster, or a part of it: cluster-reach -hops -cold -egress -cpu -dispatch -redis -failover
#
#   WEIR=path        a weir binary, instead of building the release one
#   WEIR_MEDIA=file  an FLV clip (H.264 and AAC), instead of a generated one
#   OUT=folder       where results go (default bench/out)
# Shows R26.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
out=${OUT:-$here/out}
mode=quick
if [[ ${1:-} == quick || ${1:-} == full ]]; then
    mode=$1
    shift
fi
sections=("$@")
((${#sections[@]})) || sections=(start fanout check nginx memory churn publishers slsp join stalled hls pages browser)

if [[ $mode == full ]]; then
    flushes=(33 100 350) viewers=(300 1000) seconds=10 joins=100 many_publishers=200 slsp_rounds=6 browser_seconds=60
else
    flushes=(33 350) viewers=(300) seconds=5 joins=30 many_publishers=50 slsp_rounds=3 browser_seconds=20
fi
# The clip's rate: 2.15 Mbit/s, in bytes a second. The floor sends as much.
rate=268750

scratch=$(mktemp -d)
pids=()
finish() {
    local pid
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 130' INT TERM

say() { printf '%s\n' "$*" >&2; }
wants() { [[ " ${sections[*]} " == *" $1 "* ]]; }
json() { node -p "const v = JSON.parse(require('fs').readFileSync(0, 'utf8')); $1"; }

# Stops one process of ours and waits for it.
stop() {
    kill "$1" 2>/dev/null || true
    wait "$1" 2>/dev/null || true
}

wait_for() { # FILE: until it is there and not empty, at most ten seconds
    local left=1000
    until [[ -s $1 ]]; do
        ((left-- > 0)) || { say "nothing came of $1"; return 1; }
        sleep 0.01
    done
}

prepare() {
    mkdir -p "$out"
    rm -f "$out"/*.json
    if [[ -z ${WEIR:-} ]]; then
        say "building weir …"
        (cd "$root" && cargo build --release --quiet --package weir)
        WEIR=${CARGO_TARGET_DIR:-$root/target}/release/weir
    fi
    gcc -O2 -Wall -o "$scratch/floor" "$here/floor.c"
    gcc -O2 -Wall -o "$scratch/drain" "$here/drain.c"
    gcc -O2 -Wall -o "$scratch/pages" "$here/pages.c"
    clip=${WEIR_MEDIA:-}
    if [[ -z $clip ]] && command -v ffmpeg >/dev/null; then
        clip=$scratch/clip.flv
        ffmpeg -v error -y -f lavfi -i testsrc2=s=1280x720:r=30 -f lavfi -i sine=440:r=48000 -t 10 \
            -c:v libx264 -preset veryfast -pix_fmt yuv420p -b:v 2010k -minrate 2010k -maxrate 2010k -bufsize 1000k \
            -x264-params nal-hrd=cbr -g 60 -keyint_min 60 -sc_threshold 0 -bf 0 -c:a aac -b:a 128k -f flv "$clip"
    elif [[ -z $clip ]]; then
        say "no ffmpeg: the bundled clip is used, whose bitrate is not 2.15 Mbit/s"
        clip=$root/assets/demo.flv
    fi
}

# Starts weir with a fresh data folder; sets weir_pid, rtmp, http, data.
weir_count=0
start_weir() { # [KEY=VALUE…]
    data=$scratch/data-$((++weir_count))
    mkdir "$data"
    start_weir_in "$data" "$@"
}

# The same with a data folder that is there.
start_weir_in() { # FOLDER [KEY=VALUE…]
    local sets=() pair
    data=$1
    shift
    for pair in "$@"; do sets+=(--set "$pair"); done
    "$WEIR" serve --data "$data" --set rtmp.listen=127.0.0.1:0 --set http.listen=127.0.0.1:0 \
        --set auth.publish=open "${sets[@]}" >"$data/out" 2>&1 &
    weir_pid=$!
    pids+=("$weir_pid")
    wait_for "$data/ports.json" || { cat "$data/out" >&2; return 1; }
    rtmp=$(json 'v.rtmp[0]' <"$data/ports.json")
    http=$(json 'v.http[0]' <"$data/ports.json")
}

# Publishes the clip, looped and stamped, to rtmp://HOST/live/bench; sets publisher_pid.
start_publisher() { # HOST:PORT
    "$WEIR" publish "$clip" "rtmp://$1/live/bench" --loop --stamp >"$scratch/publish.log" 2>&1 &
    publisher_pid=$!
    pids+=("$publisher_pid")
    sleep 3
}

keep() { tee "$out/$1.json" >/dev/null; }

section_start() {
    say "start-up …"
    local from to rss
    from=${EPOCHREALTIME/./}
    start_weir
    to=${EPOCHREALTIME/./}
    sleep 2
    rss=$(awk '/^VmRSS:/ {print $2 * 1024}' "/proc/$weir_pid/status")
    printf '{"start_ms":%d,"rss_bytes":%d}\n' $(((to - from) / 1000)) "$rss" | keep start
    stop "$weir_pid"
}

section_fanout() {
    local count flush floor_pid port
    for flush in "${flushes[@]}"; do
        for count in "${viewers[@]}"; do
            say "fan-out to $count viewers, flush $flush ms …"
            "$scratch/floor" "$flush" $((rate * flush / 1000)) >"$scratch/port-$flush-$count" 2>/dev/null &
            floor_pid=$!
            pids+=("$floor_pid")
            wait_for "$scratch/port-$flush-$count"
            port=$(<"$scratch/port-$flush-$count")
            "$WEIR" bench fanout --url "http://127.0.0.1:$port/floor.flv" --viewers "$count" --seconds "$seconds" \
                --light --pid "$floor_pid" --json | keep "fanout-floor-$flush-$count"
            stop "$floor_pid"
            start_weir "deliver.flush_ms=$flush"
            start_publisher "$rtmp"
            "$WEIR" bench fanout --url "http://$http/live/bench.flv" --viewers "$count" --seconds "$seconds" \
                --light --pid "$weir_pid" --json | keep "fanout-flv-$flush-$count"
            "$WEIR" bench fanout --url "rtmp://$rtmp/live/bench" --viewers "$count" --seconds "$seconds" \
                --light --pid "$weir_pid" --json | keep "fanout-rtmp-$flush-$count"
            stop "$publisher_pid"
            stop "$weir_pid"
        done
    done
}

# Another reader than our own must see the same: drain.c against weir.
section_check() {
    say "cross-check with drain.c …"
    start_weir
    start_publisher "$rtmp"
    "$scratch/drain" "${http##*:}" 300 "$seconds" /live/bench.flv 2 | keep check
    stop "$publisher_pid"
    stop "$weir_pid"
}

nginx_module=/usr/lib/nginx/modules/ngx_rtmp_module.so
start_nginx() { # TEMPLATE; sets nginx_pid
    local dir=$scratch/nginx
    mkdir -p "$dir"
    sed -e "s|@DIR@|$dir|g" -e "s|@ROOT@|$scratch/static|g" -e "s|@MODULE@|$nginx_module|g" \
        -e "s|@RTMP@|$nginx_rtmp|g" -e "s|@HTTP@|$nginx_http|g" "$here/$1" >"$dir/nginx.conf"
    nginx -p "$dir" -c "$dir/nginx.conf" -e "$dir/error.log" >"$dir/out" 2>&1 &
    nginx_pid=$!
    pids+=("$nginx_pid")
    sleep 1
    kill -0 "$nginx_pid" 2>/dev/null || { cat "$dir/out" "$dir/error.log" >&2; return 1; }
}

free_port() { node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close(); })"; }

section_nginx() {
    if ! command -v nginx >/dev/null || [[ ! -e $nginx_module ]]; then
        say "nginx-rtmp is not installed (apt-get install nginx libnginx-mod-rtmp): left out"
        return 0
    fi
    say "nginx-rtmp and weir at its default flush …"
    nginx_rtmp=$(free_port) nginx_http=$(free_port)
    start_nginx nginx-rtmp.conf
    start_publisher "127.0.0.1:$nginx_rtmp"
    "$WEIR" bench fanout --url "rtmp://127.0.0.1:$nginx_rtmp/live/bench" --viewers 300 --seconds "$seconds" \
        --light --pid "$nginx_pid" --json | keep nginx-rtmp
    stop "$publisher_pid"
    stop "$nginx_pid"
    start_weir
    start_publisher "$rtmp"
    "$WEIR" bench fanout --url "rtmp://$rtmp/live/bench" --viewers 300 --seconds "$seconds" \
        --light --pid "$weir_pid" --json | keep nginx-weir
    stop "$publisher_pid"
    stop "$weir_pid"
}

section_memory() {
    say "memory of 2000 viewers …"
    start_weir
    start_publisher "$rtmp"
    # Once to fill the caches that a first viewer fills, then counted.
    "$WEIR" bench fanout --url "http://$http/live/bench.flv" --viewers 50 --seconds 1 --warmup 1 --light --json >/dev/null
    "$WEIR" bench fanout --url "http://$http/live/bench.flv" --viewers 2000 --seconds 3 --light \
        --pid "$weir_pid" --json | keep memory-flv
    stop "$publisher_pid"
    stop "$weir_pid"
}

section_churn() {
    say "4000 connections that come and go, three times …"
    start_weir
    start_publisher "$rtmp"
    node "$here/churn.mjs" --http "$http" --rtmp "$rtmp" --pid "$weir_pid" | keep churn
    stop "$publisher_pid"
    stop "$weir_pid"
}

section_publishers() {
    local count
    for count in 1 "$many_publishers"; do
        say "$count publishers without viewers …"
        start_weir
        "$WEIR" bench publish --url "rtmp://$rtmp/live/pub" --file "$clip" --publishers "$count" \
            --seconds "$seconds" --pid "$weir_pid" --json | keep "publishers-$count"
        stop "$weir_pid"
    done
}

# Processor time of a process and its threads, in ticks; and the ticks of a second.
ticks_of() { awk '{sub(/^.*\) /, ""); print $12 + $13}' "/proc/$1/stat"; }
ticks_per_s=$(getconf CLK_TCK)

# What a publisher costs the server over SLSP and over RTMP: the same program, the same file, in turns.
section_slsp() {
    local count=20 round protocol url number pid from
    local -A ticks=([rtmp]=0 [slsp]=0)
    local publishers
    for ((round = 0; round < slsp_rounds; round++)); do
        for protocol in rtmp slsp; do
            say "$count publishers over $protocol, round $((round + 1)) …"
            start_weir
            publishers=()
            for ((number = 0; number < count; number++)); do
                url=rtmp://$rtmp/live/p$number
                [[ $protocol == slsp ]] && url=ws://$http/slsp/live/p$number
                "$WEIR" publish "$clip" "$url" --loop >"$scratch/publish-$number.log" 2>&1 &
                publishers+=("$!")
                pids+=("$!")
            done
            sleep 3
            from=$(ticks_of "$weir_pid")
            sleep "$seconds"
            ticks[$protocol]=$((ticks[$protocol] + $(ticks_of "$weir_pid") - from))
            for pid in "${publishers[@]}"; do
                kill -0 "$pid" 2>/dev/null || { say "a publisher over $protocol ended"; return 1; }
            done
            for pid in "${publishers[@]}"; do stop "$pid"; done
            stop "$weir_pid"
        done
    done
    printf '{"publishers":%d,"seconds":%d,"rtmp_cpu_s":%.3f,"slsp_cpu_s":%.3f}\n' "$count" $((seconds * slsp_rounds)) \
        "$(awk "BEGIN {print ${ticks[rtmp]} / $ticks_per_s}")" "$(awk "BEGIN {print ${ticks[slsp]} / $ticks_per_s}")" | keep slsp
}

# A browser that publishes a picture of the time, and one that watches it over WS-FLV.
section_browser() {
    if ! command -v chromium >/dev/null || [[ ! -d $root/web/node_modules ]]; then
        say "no chromium, or no web/node_modules (apt-get install chromium; cd web && npm ci): browsers are left out"
        return 0
    fi
    say "from a browser's canvas to another tab's screen …"
    start_weir
    node "$root/web/e2e/latency.mjs" --base "http://$http/" --protocol wsflv --seconds "$browser_seconds" \
        --joins "$joins" --browser "$(command -v chromium)" | keep browser
    stop "$weir_pid"
}

section_join() {
    say "joining a hot stream …"
    start_weir
    start_publisher "$rtmp"
    "$WEIR" bench join --url "http://$http/live/bench.flv" --joins "$joins" --json | keep join-flv
    "$WEIR" bench join --url "rtmp://$rtmp/live/bench" --joins "$joins" --json | keep join-rtmp
    stop "$publisher_pid"
    stop "$weir_pid"
}

section_stalled() {
    say "1000 viewers of whom 100 never read …"
    start_weir
    start_publisher "$rtmp"
    "$WEIR" bench fanout --url "http://$http/live/bench.flv" --viewers 1000 --stalled 100 --seconds $((seconds * 2)) \
        --warmup 4 --pid "$weir_pid" --json | keep stalled
    stop "$publisher_pid"
    stop "$weir_pid"
}

section_hls() {
    say "HLS …"
    start_weir hls.segment_ms=2000
    start_publisher "$rtmp"
    local playlist=http://$http/live/bench/ts.m3u8
    # The first request starts the packager; a few segments later there is something to serve.
    "$WEIR" play "$playlist" --seconds 4 >/dev/null 2>&1 || true
    sleep 6
    "$WEIR" bench hls --url "$playlist" --clients 50 --seconds "$seconds" --pid "$weir_pid" --json | keep hls-weir
    if command -v nginx >/dev/null; then
        "$WEIR" bench hls --url "$playlist" --save "$scratch/static"
        nginx_rtmp=$(free_port) nginx_http=$(free_port)
        start_nginx nginx-static.conf
        "$WEIR" bench hls --url "http://127.0.0.1:$nginx_http/live/bench/ts.m3u8" --clients 50 --seconds "$seconds" \
            --pid "$nginx_pid" --json | keep hls-nginx
        stop "$nginx_pid"
    else
        say "nginx is not installed (apt-get install nginx): HLS has nothing to be compared with"
    fi
    stop "$publisher_pid"
    stop "$weir_pid"
}

section_snapshots() {
    say "pictures of live streams …"
    local ffmpeg example
    ffmpeg=${WEIR_FFMPEG:-$(command -v ffmpeg || true)}
    if [[ -z $ffmpeg ]]; then
        say "ffmpeg is not installed (apt-get install ffmpeg): there are no pictures to be measured"
        return 0
    fi
    example=$(dirname "$WEIR")/examples/snapshots_bench
    if [[ ! -x $example ]]; then
        (cd "$root" && cargo build --release --quiet --workspace --example snapshots_bench)
        example=${CARGO_TARGET_DIR:-$root/target}/release/examples/snapshots_bench
    fi
    "$example" "$WEIR" "$ffmpeg" | keep snapshots
}

section_review() {
    say "review of 200 live streams …"
    local example
    example=$(dirname "$WEIR")/examples/review_bench
    if [[ ! -x $example ]]; then
        (cd "$root" && cargo build --release --quiet --workspace --example review_bench)
        example=${CARGO_TARGET_DIR:-$root/target}/release/examples/review_bench
    fi
    "$example" | keep review
}

section_gifts() {
    say "gifts …"
    start_postgres || return 1
    # A giver asks more often than people do: the limits are not what is measured.
    start_weir "store.url=$postgres_url" store.connections=16 api.writes_per_minute=1000000
    local token
    token=$(sed -n 's/^admin_token = "\(.*\)"$/\1/p' "$data/secrets.toml")
    node "$here/gifts.mjs" --base "http://$http" --token "$token" --seconds "$seconds" | keep gifts
    stop "$weir_pid"
}

section_pages() {
    say "pages …"
    start_weir
    # The keeper reads the store once before there are pages.
    local left=100
    until curl -sf --output /dev/null "http://$http/robots.txt"; do
        ((left-- > 0)) || { say "no page came"; return 1; }
        sleep 0.1
    done
    mkdir -p "$scratch/static"
    # The very same bytes, as nginx has them on the disk.
    curl -sf --header 'Accept-Encoding: gzip' "http://$http/" --output "$scratch/static/home.gz"
    "$scratch/pages" "${http##*:}" 50 "$seconds" / gzip "$weir_pid" | keep pages-weir
    if command -v nginx >/dev/null; then
        nginx_rtmp=$(free_port) nginx_http=$(free_port)
        start_nginx nginx-static.conf
        "$scratch/pages" "$nginx_http" 50 "$seconds" /home.gz gzip "$nginx_pid" | keep pages-nginx
        stop "$nginx_pid"
    else
        say "nginx is not installed (apt-get install nginx): pages have nothing to be compared with"
    fi
    stop "$weir_pid"
}

# shellcheck source=bench/cluster.sh
source "$here/cluster.sh"
# shellcheck source=bench/chat.sh
source "$here/chat.sh"
# shellcheck source=bench/people.sh
source "$here/people.sh"
# shellcheck source=bench/recordings.sh
source "$here/recordings.sh"

prepare
if [[ " ${sections[*]}" == *" cluster"* ]]; then machine_load; fi
for section in start fanout check nginx memory churn publishers slsp join stalled hls pages browser snapshots review gifts "${chat_sections[@]}" "${people_sections[@]}" "${recording_sections[@]}" "${cluster_sections[@]}"; do
    if wants "$section" || { [[ " ${people_sections[*]} " == *" $section "* ]] && wants people; } ||
        { [[ $section == record-* ]] && wants recordings; } || { [[ $section == cluster-* ]] && wants cluster; }; then
        "section_$section" || say "section $section failed"
    fi
done
node "$here/summary.mjs" "$out" | tee "$out/summary.md"
