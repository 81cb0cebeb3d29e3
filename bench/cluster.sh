#!/usr/bin/env bash
# The sections cluster-…: real nodes and a real Redis on this machine. Sourced by run.sh, whose
# functions and settings it uses.
# shellcheck disable=SC2034,SC2154

set -euo pipefail

cluster_sections=(cluster-reach cluster-hops cluster-cold cluster-egress cluster-cpu cluster-dispatch cluster-admission cluster-redis cluster-failover)

if [[ $mode == full ]]; then
    reach_runs=30 hop_seconds=40 cold_joins=100 hot_joins=100 edge_viewers=1000 hls_clients=100
    cpu_rounds=6 redis_nodes=(1 3 6 12) redis_seconds=20 redis_streams=100 failovers=10 freezes=5
else
    reach_runs=8 hop_seconds=8 cold_joins=15 hot_joins=30 edge_viewers=300 hls_clients=20
    cpu_rounds=2 redis_nodes=(1 3) redis_seconds=8 redis_streams=20 failovers=2 freezes=1
fi

declare -A node_pid node_http node_rtmp
redis_port='' redis_pid=''
# What else the machine does: times are worth something below 1.
machine_load() { awk '{printf "{\"load\":%s}\n", $1}' /proc/loadavg | keep cluster-machine; }
ask() { node "$here/cluster.mjs" "$@"; }

# CPU nanoseconds of a process, all its threads.
cpu_ns() { cat "/proc/$1/task/"*/schedstat 2>/dev/null | awk '{all += $1} END {printf "%d", all}'; }

start_redis() {
    redis_port=$(free_port)
    redis-server --port "$redis_port" --bind 127.0.0.1 --save '' --appendonly no --dir "$scratch" >"$scratch/redis.log" 2>&1 &
    redis_pid=$!
    pids+=("$redis_pid")
    local left=100
    until redis-cli -p "$redis_port" ping >/dev/null 2>&1; do
        ((left-- > 0)) || { say "redis does not start"; return 1; }
        sleep 0.05
    done
}

# A node of the cluster; sets node_pid[ID], node_http[ID], node_rtmp[ID].
start_node() { # ID ROLES REGION [KEY=VALUE…]
    local id=$1 roles=$2 region=$3
    shift 3
    start_weir "node.id=$id" "roles=$roles" "node.region=$region" "cluster.redis=redis://127.0.0.1:$redis_port" \
        cluster.secret=0123456789abcdef admin.token=bench "$@"
    node_pid[$id]=$weir_pid node_http[$id]=$http node_rtmp[$id]=$rtmp
}

# Waits until all of them know each other.
nodes_ready() {
    local urls=() id
    for id in "${!node_http[@]}"; do urls+=("http://${node_http[$id]}"); done
    ask ready "${#urls[@]}" "${urls[@]}"
}

stop_cluster() {
    local id
    for id in "${!node_pid[@]}"; do stop "${node_pid[$id]}"; done
    [[ -z $redis_pid ]] || stop "$redis_pid"
    node_pid=() node_http=() node_rtmp=() redis_pid=''
}

# Two origins and an edge in each of two regions, and an edge below the second.
start_regions() {
    start_redis
    start_node origin-east '["origin"]' east
    start_node origin-west '["origin"]' west
    start_node edge-east '["edge"]' east
    start_node edge-west '["edge"]' west
    start_node edge-below '["edge"]' west "cluster.parent=\"${node_http[edge-west]}\""
    nodes_ready || return 1
}

# Published at an edge of one region: when does a viewer at the other region's edge see it?
section_cluster-reach() {
    say "from publish at one edge to a picture at another …"
    start_regions || return 1
    local form
    for form in wait poll; do
        local query='?wait=10' poll_ms=0
        [[ $form == poll ]] && query='' poll_ms=20
        "$WEIR" bench reach --publish "rtmp://${node_rtmp[edge-east]}/live/$form-{}" \
            --watch "http://${node_http[edge-west]}/live/$form-{}.flv$query" --poll-ms "$poll_ms" \
            --file "$clip" --runs "$reach_runs" --json | keep "cluster-reach-$form"
    done
    stop_cluster
}

# The same pictures at the owner, at an edge, and at the edge below it; then published at an edge too.
section_cluster-hops() {
    say "what each hop adds to a picture's age …"
    start_regions || return 1
    start_publisher "${node_rtmp[origin-east]}"
    "$WEIR" bench hops --url "http://${node_http[origin-east]}/live/bench.flv" \
        --url "http://${node_http[edge-west]}/live/bench.flv" --url "http://${node_http[edge-below]}/live/bench.flv" \
        --seconds "$hop_seconds" --json | keep cluster-hops-pull
    stop "$publisher_pid"
    "$WEIR" publish "$clip" "rtmp://${node_rtmp[edge-east]}/live/pushed" --loop --stamp >"$scratch/publish.log" 2>&1 &
    publisher_pid=$!
    pids+=("$publisher_pid")
    sleep 3
    local owner
    owner=$(ask owner "http://${node_http[edge-east]}" live/pushed)
    "$WEIR" bench hops --url "http://${node_http[edge-east]}/live/pushed.flv" --url "http://${node_http[$owner]}/live/pushed.flv" \
        --url "http://${node_http[edge-west]}/live/pushed.flv" --seconds "$hop_seconds" --json | keep cluster-hops-push
    stop "$publisher_pid"
    stop_cluster
}

# The first viewer of a stream at an edge, and those after it.
section_cluster-cold() {
    say "joining at an edge, cold and hot …"
    start_redis
    start_node origin-1 '["origin"]' east
    start_node edge-1 '["edge"]' west
    nodes_ready || return 1
    "$WEIR" bench publish --url "rtmp://${node_rtmp[origin-1]}/live/cold" --file "$clip" --publishers "$cold_joins" \
        --warmup 0 --seconds 600 >"$scratch/publish.log" 2>&1 &
    publisher_pid=$!
    pids+=("$publisher_pid")
    sleep 6
    "$WEIR" bench join --url "http://${node_http[edge-1]}/live/cold-{}.flv" --joins "$cold_joins" --json | keep cluster-cold
    "$WEIR" bench join --url "http://${node_http[edge-1]}/live/cold-0.flv" --joins 1 --json >/dev/null
    "$WEIR" bench join --url "http://${node_http[edge-1]}/live/cold-0.flv" --joins "$hot_joins" --json | keep cluster-hot
    stop "$publisher_pid"
    stop_cluster
}

# What leaves the origin for three edges full of viewers, counted by a proxy before it.
section_cluster-egress() {
    say "origin egress for $edge_viewers viewers on three edges …"
    local origin_http proxy control tally_pid id
    origin_http=$(free_port) proxy=$(free_port) control=$(free_port)
    node "$here/cluster.mjs" tally "$proxy" "127.0.0.1:$origin_http" "$control" >"$scratch/tally" 2>&1 &
    tally_pid=$!
    pids+=("$tally_pid")
    wait_for "$scratch/tally"
    start_redis
    start_node origin-1 '["origin"]' east "http.listen=127.0.0.1:$origin_http" "node.advertise=[\"http://127.0.0.1:$proxy\"]" \
        hls.segment_ms=2000
    for id in edge-1 edge-2 edge-3; do start_node "$id" '["edge"]' west; done
    nodes_ready || return 1
    start_publisher "${node_rtmp[origin-1]}"
    local each=$((edge_viewers / 3)) loads=() load
    local urls=("http://${node_http[edge-1]}/live/bench.flv" "ws://${node_http[edge-2]}/live/bench.flv" "rtmp://${node_rtmp[edge-3]}/live/bench")
    for id in 0 1 2; do
        "$WEIR" bench fanout --url "${urls[$id]}" --viewers $((each + (id == 0 ? edge_viewers - 3 * each : 0))) \
            --warmup 3 --seconds $((seconds * 2 + 2)) --light --json >"$scratch/egress-$id.json" &
        loads+=("$!")
        pids+=("$!")
    done
    sleep 5
    local origin="http://${node_http[origin-1]}" before after
    before=$(ask count "$origin" weir_received_bytes_total 'protocol="rtmp"')
    curl -s "http://127.0.0.1:$control/?zero" >/dev/null
    sleep $((seconds * 2 - 2))
    curl -s "http://127.0.0.1:$control/?zero" >"$scratch/egress.json"
    after=$(ask count "$origin" weir_received_bytes_total 'protocol="rtmp"')
    for load in "${loads[@]}"; do wait "$load" || say "a load failed"; done
    node -e 'const [tally, ...loads] = process.argv.slice(2).map((file) => JSON.parse(require("fs").readFileSync(file, "utf8")));
        const sum = (key) => loads.reduce((all, load) => all + load[key], 0);
        console.log(JSON.stringify({ viewers: sum("viewers"), alive: sum("alive"), stalls: sum("stalls"), gaps: sum("gaps") + sum("backward"),
            one_stream_bytes: Number(process.argv[1]), origin_sent_bytes: tally.relayed, delivered_mbit_per_s: sum("mbit_per_s") }))' \
        $((after - before)) "$scratch/egress.json" "$scratch"/egress-{0,1,2}.json | keep cluster-egress
    # HLS: what do three edges ask the origin for, and how often?
    "$WEIR" play "http://${node_http[edge-1]}/live/bench/ts.m3u8" --seconds 4 >/dev/null 2>&1 || true
    sleep 6
    curl -s "http://127.0.0.1:$control/?zero" >/dev/null
    loads=()
    for id in 1 2 3; do
        "$WEIR" bench hls --url "http://${node_http[edge-$id]}/live/bench/ts.m3u8" --clients "$hls_clients" \
            --seconds $((seconds * 2)) --json >"$scratch/hls-$id.json" &
        loads+=("$!")
        pids+=("$!")
    done
    for load in "${loads[@]}"; do wait "$load" || say "a load failed"; done
    curl -s "http://127.0.0.1:$control/?zero" >"$scratch/hls.json"
    node -e 'const [tally, ...loads] = process.argv.slice(1).map((file) => JSON.parse(require("fs").readFileSync(file, "utf8")));
        const asked = Object.entries(tally.asked).filter(([key]) => !key.endsWith(".weir"));
        const isSegment = (key) => /\.(ts|m4s|mp4)(\?|$)/.test(key);
        const segments = asked.filter(([key]) => isSegment(key)).map(([, times]) => times);
        const lists = asked.filter(([key]) => !isSegment(key)).map(([, times]) => times);
        const all = (times) => times.reduce((sum, one) => sum + one, 0);
        console.log(JSON.stringify({ asked_of_edges: loads.reduce((sum, load) => sum + load.requests, 0),
            failures: loads.reduce((sum, load) => sum + load.failures, 0), seconds: loads[0].seconds,
            segment_objects_by_edge: segments.length, segment_requests: all(segments), most_of_one_segment: Math.max(0, ...segments),
            list_requests: all(lists), lists_by_edge: lists.length, asked: tally.asked }))' \
        "$scratch/hls.json" "$scratch"/hls-{1,2,3}.json | keep cluster-egress-hls
    stop "$publisher_pid"
    stop "$tally_pid"
    stop_cluster
}

# The same viewers at a node alone where the stream is published, and at an edge that pulls it: in turns.
section_cluster-cpu() {
    say "fan-out of an edge beside that of a node alone …"
    start_weir
    local alone_pid=$weir_pid alone_http=$http alone_publisher round where url pid
    start_publisher "$rtmp"
    alone_publisher=$publisher_pid
    start_redis
    start_node origin-1 '["origin"]' east
    start_node edge-1 '["edge"]' west
    nodes_ready || return 1
    start_publisher "${node_rtmp[origin-1]}"
    # Held for all rounds, so that each finds it hot.
    "$WEIR" play "http://${node_http[edge-1]}/live/bench.flv" --seconds 3600 >/dev/null 2>&1 &
    pids+=("$!")
    local held=$!
    for ((round = 1; round <= cpu_rounds; round++)); do
        for where in alone edge; do
            url=http://$alone_http/live/bench.flv pid=$alone_pid
            [[ $where == edge ]] && url=http://${node_http[edge-1]}/live/bench.flv pid=${node_pid[edge-1]}
            "$WEIR" bench fanout --url "$url" --viewers "$edge_viewers" --seconds "$seconds" --light --pid "$pid" --json |
                keep "cluster-cpu-$where-$round"
        done
    done
    stop "$held"
    stop "$publisher_pid"
    stop "$alone_publisher"
    stop "$alone_pid"
    stop_cluster
}

section_cluster-admission() {
    say "admissions from a snapshot …"
    local example
    example=$(dirname "$WEIR")/examples/admission_bench
    if [[ ! -x $example ]]; then
        (cd "$root" && cargo build --release --quiet --workspace --example admission_bench)
        example=${CARGO_TARGET_DIR:-$root/target}/release/examples/admission_bench
    fi
    "$example" | sed -E 's/^([0-9]+) admissions per CPU-second by stream key, ([0-9]+) by signature; ([0-9]+) channels and keys: ([0-9]+) bytes sent, read in ([0-9]+) ms, ([0-9]+) bytes held$/{"by_key_per_cpu_s":\1,"by_signature_per_cpu_s":\2,"keys":\3,"sent_bytes":\4,"read_ms":\5,"held_bytes":\6}/' |
        keep cluster-admission
}

section_cluster-dispatch() {
    say "decisions of a dispatcher …"
    local example
    example=$(dirname "$WEIR")/examples/dispatch_bench
    if [[ ! -x $example ]]; then
        (cd "$root" && cargo build --release --quiet --workspace --example dispatch_bench)
        example=${CARGO_TARGET_DIR:-$root/target}/release/examples/dispatch_bench
    fi
    "$example" | sed -E 's/^([0-9]+) answers per CPU-second of 3 places each, ([0-9]+) nodes, ([0-9]+) streams; ([0-9]+) of ([0-9]+) placed$/{"answers_per_cpu_s":\1,"nodes":\2,"streams":\3,"placed":\4,"asked":\5}/' |
        keep cluster-dispatch
    if ! command -v wrk >/dev/null; then
        say "wrk is not installed (apt-get install wrk): dispatching over HTTP is left out"
        return 0
    fi
    start_regions || return 1
    # All questions come from one address here.
    start_node dispatcher-1 '["dispatcher"]' east api.asks_per_minute=0
    nodes_ready || return 1
    local from to
    from=$(cpu_ns "${node_pid[dispatcher-1]}")
    wrk -t1 -c32 -d"${seconds}s" -s "$here/dispatch.lua" "http://${node_http[dispatcher-1]}" | tail -n 1 >"$scratch/wrk.json"
    to=$(cpu_ns "${node_pid[dispatcher-1]}")
    json "JSON.stringify({ ...v, server_cpu_s: $((to - from)) / 1e9, answers_per_cpu_s: v.answers / ($((to - from)) / 1e9) })" \
        <"$scratch/wrk.json" | keep cluster-dispatch-http
    stop_cluster
}

# Commands of the registry: with more nodes, with streams, with viewers.
section_cluster-redis() {
    local count number role load
    for count in "${redis_nodes[@]}"; do
        say "what $count nodes ask of Redis …"
        start_redis
        for ((number = 1; number <= count; number++)); do
            role='["edge"]'
            ((number % 3 == 1)) && role='["origin","dispatcher"]'
            start_node "node-$number" "$role" "r$((number % 2))"
        done
        nodes_ready || return 1
        sleep 3
        ask redis "$redis_port" "$redis_seconds" | keep "cluster-redis-$count"
        if ((count == 3)); then
            "$WEIR" bench publish --url "rtmp://${node_rtmp[node-1]}/live/pub" --file "$clip" --publishers "$redis_streams" \
                --warmup 0 --seconds 600 >"$scratch/publish.log" 2>&1 &
            publisher_pid=$!
            pids+=("$publisher_pid")
            sleep 6
            say "… with $redis_streams streams …"
            ask redis "$redis_port" "$redis_seconds" | keep cluster-redis-streams
            say "… and $edge_viewers viewers, who come meanwhile …"
            "$WEIR" bench fanout --url "http://${node_http[node-2]}/live/pub-0.flv" --viewers "$edge_viewers" --ramp 200 \
                --seconds "$redis_seconds" --light --json >"$scratch/load.json" &
            load=$!
            pids+=("$load")
            ask redis "$redis_port" "$redis_seconds" | keep cluster-redis-viewers
            wait "$load" || say "the load failed"
            stop "$publisher_pid"
        fi
        stop_cluster
    done
}

# The owner of a stream is killed, or stops like a host that is gone: no connection is closed then. How
# long do viewers of another edge see nothing new?
section_cluster-failover() {
    local round
    start_regions || return 1
    start_publisher "${node_rtmp[edge-east]}"
    for ((round = 1; round <= failovers; round++)); do fail_owner killed KILL "$round" || return 1; done
    for ((round = 1; round <= freezes; round++)); do fail_owner frozen STOP "$round" || return 1; done
    stop "$publisher_pid"
    stop_cluster
}

fail_owner() { # WORD SIGNAL ROUND
    local owner load
    owner=$(ask owner "http://${node_http[edge-west]}" live/bench) || return 1
    say "$owner is $1 ($3) …"
    "$WEIR" bench fanout --url "http://${node_http[edge-west]}/live/bench.flv" --viewers 20 --warmup 1 --seconds 12 --json \
        >"$scratch/failover.json" &
    load=$!
    pids+=("$load")
    sleep "3.$((RANDOM % 10))"
    kill -"$2" "${node_pid[$owner]}"
    # Its end is no news.
    [[ $2 != KILL ]] || wait "${node_pid[$owner]}" 2>/dev/null || true
    wait "$load" || say "the viewers saw nothing"
    keep "cluster-failover-$1-$3" <"$scratch/failover.json"
    kill -KILL "${node_pid[$owner]}" 2>/dev/null || true
    wait "${node_pid[$owner]}" 2>/dev/null || true
    unset "node_pid[$owner]" "node_http[$owner]" "node_rtmp[$owner]"
    start_node "$owner" '["origin"]' "${owner#origin-}"
    nodes_ready || return 1
}
