#!/usr/bin/env bash
# Sections about recordings, sourced by run.sh: what recording costs beside packaging, whether viewers notice it,
# what long recordings cost those who ask for them, and what a crash leaves to be mended.
# shellcheck disable=SC2034,SC2154

set -euo pipefail

recording_sections=(record-cost record-many record-long record-edge record-crash)

if [[ $mode == full ]]; then
    recorded=40 recorded_many=500 record_seconds=24 record_rounds=2 left_open=1000
else
    recorded=10 recorded_many=100 record_seconds=8 record_rounds=1 left_open=100
fi

# A clip of so many kilobits a second; with whole groups of pictures, so that it can be looped.
make_clip() { # FILE SIZE FPS KBPS
    ffmpeg -v error -y -f lavfi -i "testsrc2=s=$2:r=$3" -f lavfi -i sine=440:r=48000 -t 10 -c:v libx264 -preset veryfast \
        -pix_fmt yuv420p -b:v "$4k" -minrate "$4k" -maxrate "$4k" -bufsize "$4k" -x264-params nal-hrd=cbr \
        -g $(($3 * 2)) -keyint_min $(($3 * 2)) -sc_threshold 0 -bf 0 -c:a aac -b:a 64k -f flv "$1"
}

archive() { # ARGUMENTS of make_archive
    local example
    example=$(dirname "$WEIR")/examples/make_archive
    if [[ ! -x $example ]]; then
        (cd "$root" && cargo build --release --quiet --workspace --example make_archive)
        example=${CARGO_TARGET_DIR:-$root/target}/release/examples/make_archive
    fi
    "$example" "$@"
}

# Publishes so many streams to live/s-0 …, for so many seconds; sets publishing.
publish_many() { # COUNT CLIP SECONDS
    "$WEIR" bench publish --url "rtmp://$rtmp/live/s" --file "$2" --publishers "$1" --seconds "$3" --json \
        >"$scratch/publish-many.json" 2>"$scratch/publish-many.log" &
    publishing=$!
    pids+=("$publishing")
}

# Asks for every stream's playlist, so that each is packaged whether it is recorded or not.
ask_playlists() { # COUNT
    local number urls=()
    for ((number = 0; number < $1; number++)); do urls+=(-o /dev/null "http://$http/live/s-$number.m3u8"); done
    curl -s --location "${urls[@]}" || true
}

# The processor's seconds for so many streams of 4 Mbit/s that are packaged, recorded or not, in turns.
section_record-cost() {
    local round way clip4=$scratch/clip4.flv from
    local -A ticks=([off]=0 [on]=0)
    make_clip "$clip4" 1280x720 30 3936
    for ((round = 0; round < record_rounds; round++)); do
        for way in off on; do
            say "$recorded streams of 4 Mbit/s, recording $way, round $((round + 1)) …"
            start_weir "record.default=$way"
            publish_many "$recorded" "$clip4" $((record_seconds + 12))
            sleep 4
            ask_playlists "$recorded"
            from=$(ticks_of "$weir_pid")
            for ((left = record_seconds; left > 0; left -= 4)); do
                sleep 4
                ask_playlists "$recorded"
            done
            ticks[$way]=$((ticks[$way] + $(ticks_of "$weir_pid") - from))
            stop "$publishing"
            stop "$weir_pid"
            rm -rf "$data/recordings"
        done
    done
    local each=$((recorded * record_rounds * (record_seconds + 3) / 4 * 4))
    printf '{"streams":%d,"seconds":%d,"off_cpu_s":%.2f,"on_cpu_s":%.2f,"percent_of_core_each":%.3f}\n' "$recorded" \
        $((each / recorded)) "$(awk "BEGIN {print ${ticks[off]} / $ticks_per_s}")" \
        "$(awk "BEGIN {print ${ticks[on]} / $ticks_per_s}")" \
        "$(awk "BEGIN {print (${ticks[on]} - ${ticks[off]}) / $ticks_per_s / $each * 100}")" | keep record-cost
}

# What viewers of one stream see while very many others come in, recorded or not. Small ones: their publishers are on
# this machine too.
section_record-many() {
    local way small=$scratch/small.flv
    make_clip "$small" 320x180 10 60
    for way in off on; do
        say "100 viewers beside $recorded_many streams, recording $way …"
        start_weir "record.default=$way"
        start_publisher "$rtmp"
        publish_many "$recorded_many" "$small" $((record_seconds * 3 + 40))
        sleep 20
        "$WEIR" bench fanout --url "http://$http/live/bench.flv" --viewers 100 --seconds $((record_seconds * 2)) --light \
            --pid "$weir_pid" --json | keep "record-many-$way"
        stop "$publishing"
        stop "$publisher_pid"
        stop "$weir_pid"
        rm -rf "$data/recordings"
    done
}

# Milliseconds to the first byte, to the last, and bytes of an answer; the middle one of nine.
asked() { # URL [CURL'S ARGUMENTS…]
    local turn
    for ((turn = 0; turn < 9; turn++)); do
        curl -s -o /dev/null -w '%{time_starttransfer} %{time_total} %{size_download}\n' "$@"
    done | sort -n | sed -n 5p | awk '{printf "{\"first_ms\":%.1f,\"all_ms\":%.1f,\"bytes\":%d}", $1 * 1000, $2 * 1000, $3}'
}

# The list of a day, and the file of six hours: pictures and sound as many as there are, and small.
section_record-long() {
    say "a recording of 24 hours and one of six …"
    local tiny=$scratch/tiny.flv day six list file range cold
    make_clip "$tiny" 64x36 5 4
    data=$scratch/data-long
    mkdir -p "$data"
    day=$(archive "$data/recordings" "$tiny" 24)
    make_clip "$tiny" 64x36 30 12
    six=$(archive "$data/recordings" "$tiny" 6)
    start_weir_in "$data"
    cold=$(curl -s -o /dev/null -w '%{time_starttransfer}' "http://$http/r/$six.mp4" -r 0-1 | awk '{print $1 * 1000}')
    list=$(asked "http://$http/r/$day/index.m3u8" -L -H 'Accept-Encoding: gzip')
    file=$(asked "http://$http/r/$six.mp4" -r 0-1023)
    range=$(asked "http://$http/r/$six.mp4" -r 50000000-50065535)
    printf '{"list":%s,"file":%s,"range":%s,"file_cold_ms":%s}\n' "$list" "$file" "$range" "$cold" | keep record-long
    stop "$weir_pid"
    rm -rf "$data/recordings"
}

# What an edge spends on a gigabyte of live HLS, and of the same stream's replay from its own disk.
section_record-edge() {
    local sets=(cluster.mode=static 'cluster.secret=a secret of this measurement') origin edge id round
    say "live HLS and replay through an edge …"
    start_weir "${sets[@]}" 'roles=["api","origin"]' record.default=on hls.segment_ms=2000
    origin=$weir_pid
    local origin_http=$http origin_rtmp=$rtmp
    start_publisher "$origin_rtmp"
    start_weir "${sets[@]}" 'roles=["edge"]' "cluster.api=[\"$origin_http\"]" "cluster.origins=[\"$origin_http\"]"
    edge=$weir_pid
    "$WEIR" play "http://$http/live/bench.m3u8" --seconds 4 >/dev/null 2>&1 || true
    sleep 20
    id=$(curl -s -H "Authorization: Bearer $(token_of "$scratch/data-$((weir_count - 1))")" \
        "http://$origin_http/api/v1/recordings?app=live" | json 'v.items[0].id')
    for round in 1 2; do
        "$WEIR" bench hls --url "http://$http/live/bench.m3u8" --clients 20 --seconds "$seconds" --pid "$edge" --json |
            keep record-edge-live
        "$WEIR" bench hls --url "http://$http/r/$id/index.m3u8" --clients 20 --seconds "$seconds" --pid "$edge" --json |
            keep record-edge-replay
    done
    stop "$edge"
    stop "$publisher_pid"
    stop "$origin"
}

token_of() { sed -n 's/^admin_token = "\(.*\)"$/\1/p' "$1/secrets.toml"; }

# How long a node takes to start that was killed while so many blocks were open.
section_record-crash() {
    local clip2=$scratch/clip2.flv from to none
    say "a start behind a crash with $left_open open blocks …"
    make_clip "$clip2" 640x360 30 1500
    from=${EPOCHREALTIME/./}
    start_weir
    to=${EPOCHREALTIME/./}
    none=$(((to - from) / 1000))
    stop "$weir_pid"
    data=$scratch/data-crash
    mkdir -p "$data"
    archive "$data/recordings" "$clip2" open "$left_open" >/dev/null
    local bytes
    bytes=$(du -sb "$data/recordings" | cut -f1)
    from=${EPOCHREALTIME/./}
    start_weir_in "$data"
    to=${EPOCHREALTIME/./}
    printf '{"open":%d,"bytes":%d,"start_ms":%d,"alone_ms":%d}\n' "$left_open" "$bytes" $(((to - from) / 1000)) "$none" |
        keep record-crash
    stop "$weir_pid"
    rm -rf "$data/recordings"
}
