#!/usr/bin/env bash
# Sections about accounts and channels, sourced by run.sh: lists and searches where there are many, a storm of
# sign-ins beside viewers, stream keys on their way to an edge, and events that many read. PostgreSQL is found by WEIR_POSTGRES or in Debian's place.
# shellcheck disable=SC2034,SC2154

set -euo pipefail

people_sections=(lists-sqlite lists-postgres sign-in tickets edge-keys events)
people_password='a sentence that nobody guesses'

if [[ $mode == full ]]; then
    sqlite_people=(100000 10000) postgres_people=(1000000 100000) people_seconds=4 storm_seconds=20 edge_keys=100000
else
    sqlite_people=(20000 2000) postgres_people=(50000 5000) people_seconds=1 storm_seconds=8 edge_keys=10000
fi

# Starts a PostgreSQL of our own, empty; sets postgres_url.
postgres_count=0
start_postgres() {
    local bin dir=$scratch/postgres-$((++postgres_count)) port
    bin=$(dirname "${WEIR_POSTGRES:-$(compgen -G '/usr/lib/postgresql/*/bin/postgres' | tail -1)}")
    [[ -x $bin/initdb ]] || { say "PostgreSQL is not installed: left out"; return 1; }
    port=$(free_port)
    mkdir -p "$dir"
    local as=()
    if ((EUID == 0)); then
        chown postgres "$dir" && chmod 755 "$scratch"
        as=(setpriv --reuid postgres --regid postgres --clear-groups)
    fi
    (cd "$dir" && "${as[@]}" "$bin/initdb" --auth=trust --encoding=UTF8 --locale=C --username weir -D "$dir/data" >/dev/null)
    (cd "$dir" && exec "${as[@]}" "$bin/postgres" -D "$dir/data" -p "$port" -h 127.0.0.1 -k "$dir" \
        -c shared_buffers=512MB -c max_wal_size=4GB >"$dir.log" 2>&1) &
    pids+=("$!")
    local left=200
    until "$bin/createdb" --host 127.0.0.1 --port "$port" --username weir bench 2>/dev/null; do
        ((left-- > 0)) || { cat "$dir.log" >&2; return 1; }
        sleep 0.1
    done
    postgres_url=postgres://weir@127.0.0.1:$port/bench
}

# An account by the API, for the form of its password's hash, and as many again by SQL.
fill_people() { # ACCOUNTS CHANNELS RUN… (a command that takes SQL)
    local accounts=$1 channels=$2 hash empty="X''"
    shift 2
    node -e 'fetch(process.argv[1] + "/api/v1/accounts", { method: "POST", headers: { "content-type": "application/json" },
        body: JSON.stringify({ name: "first", email: "first@example.net", password: process.argv[2] }) })
        .then((answer) => process.exit(answer.status === 201 ? 0 : 1))' "http://$http" "$people_password"
    hash=$("$@" <<<"SELECT password_hash FROM accounts WHERE name = 'first';")
    [[ $1 == *psql* ]] && empty="'\\x'"
    # A dollar in a hash is none to sed.
    sed -e "s/@ACCOUNTS@/$accounts/g; s/@CHANNELS@/$channels/g; s/@EMPTY@/${empty//\\/\\\\}/g" \
        -e "s|@HASH@|$hash|g" "$here/people.sql" >"$scratch/people.sql"
    "$@" <"$scratch/people.sql" >/dev/null
}

ask_lists() { # NAME ACCOUNTS CHANNELS
    local token
    token=$(sed -n 's/^admin_token = "\(.*\)"$/\1/p' "$data/secrets.toml")
    node "$here/people.mjs" lists --base "http://$http" --token "$token" --accounts "$2" --channels "$3" \
        --seconds "$people_seconds" | keep "$1"
}

section_lists-sqlite() {
    say "lists and searches, SQLite, ${sqlite_people[*]} …"
    start_weir api.reads_per_minute=0
    fill_people "${sqlite_people[@]}" sqlite3 -cmd ".timeout 20000" -bail "$data/weir.db"
    ask_lists lists-sqlite "${sqlite_people[@]}"
    stop "$weir_pid"
}

section_lists-postgres() {
    say "lists and searches, PostgreSQL, ${postgres_people[*]} …"
    start_postgres || return 0
    start_weir api.reads_per_minute=0 "store.url=$postgres_url"
    fill_people "${postgres_people[@]}" psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$postgres_url"
    ask_lists lists-postgres "${postgres_people[@]}"
    stop "$weir_pid"
}

# The media's p99 alone and beside 200 sign-ins a second: they may cost the sign-ins, not the viewers.
section_sign-in() {
    say "300 viewers, alone and beside 200 sign-ins a second …"
    start_weir 'proxy.trusted=["127.0.0.1/32"]'
    fill_people 5000 10 sqlite3 -cmd ".timeout 20000" -bail "$data/weir.db"
    start_publisher "$rtmp"
    "$WEIR" bench fanout --url "http://$http/live/bench.flv" --viewers 300 --seconds "$storm_seconds" --light \
        --pid "$weir_pid" --json | keep sign-in-alone
    node "$here/people.mjs" sign-in --base "http://$http" --password "$people_password" --accounts 5000 --rate 200 \
        --seconds $((storm_seconds + 4)) >"$scratch/storm.json" &
    local storm=$!
    pids+=("$storm")
    "$WEIR" bench fanout --url "http://$http/live/bench.flv" --viewers 300 --seconds "$storm_seconds" --light \
        --pid "$weir_pid" --json | keep sign-in-beside
    wait "$storm"
    keep sign-in-storm <"$scratch/storm.json"
    # One name after another: those that are nobody's take as long.
    node "$here/people.mjs" guesses --base "http://$http" --accounts 100 | keep sign-in-guesses
    stop "$publisher_pid"
    stop "$weir_pid"
}

# Admissions that ask the database: 500 a second.
section_tickets() {
    local engine sets=(api.reads_per_minute=0 api.writes_per_minute=0 'proxy.trusted=["127.0.0.1/32"]')
    for engine in sqlite postgres; do
        say "500 leaves to watch a second, $engine …"
        if [[ $engine == postgres ]]; then
            start_postgres || return 0
            start_weir "${sets[@]}" "store.url=$postgres_url"
            fill_people 5000 10 psql --quiet --no-align --tuples-only --set ON_ERROR_STOP=1 "$postgres_url"
        else
            start_weir "${sets[@]}"
            fill_people 5000 10 sqlite3 -cmd ".timeout 20000" -bail "$data/weir.db"
        fi
        node "$here/people.mjs" tickets --base "http://$http" --password "$people_password" --accounts 20 --rate 500 \
            --seconds "$people_seconds" | keep "tickets-$engine"
        stop "$weir_pid"
    done
}

# An edge that starts beside an api node with this many stream keys: how long until it knows them, and what they cost
# it in memory beside an edge of a site without any.
section_edge-keys() {
    say "$edge_keys stream keys on their way to an edge …"
    local sets=(cluster.mode=static 'cluster.secret=a secret of this measurement' auth.publish=key) none all
    start_weir "${sets[@]}" 'roles=["api","origin"]'
    none=$(edge_that_learns "${sets[@]}")
    fill_people "$edge_keys" "$edge_keys" sqlite3 -cmd ".timeout 20000" -bail "$data/weir.db"
    sqlite3 -cmd ".timeout 20000" -bail "$data/weir.db" "INSERT INTO stream_keys (user_id, channel_id, id, key_hash, label, replaces, created_ms,
        expires_ms, revoked_ms, used_ms, used_address) SELECT user_id, id, id, lower(hex(randomblob(32))), '', '', 1, 0, 0, 0, ''
        FROM channels"
    # What SQL put there is not among the changes: a node that starts reads all of it.
    stop "$weir_pid"
    rm -f "$data/admission.snapshot" "$data/ports.json"
    start_weir_in "$data" "${sets[@]}" 'roles=["api","origin"]'
    wait_for "$data/admission.snapshot"
    all=$(edge_that_learns "${sets[@]}")
    node -p 'const [keys, none, all] = process.argv.slice(1).map((text) => JSON.parse(text)); JSON.stringify({ keys,
        known_after_ms: all.ms, alone_after_ms: none.ms, snapshot_bytes: all.bytes, memory_bytes: all.rss - none.rss })' \
        "$edge_keys" "$none" "$all" |
        keep edge-keys
    stop "$weir_pid"
}

# Starts an edge below the node that runs, and says when it had the snapshot, how large that is and what memory it has.
edge_that_learns() { # KEY=VALUE…
    local sets=() pair folder pid began ms rss
    for pair in "$@" 'roles=["edge"]' "cluster.api=[\"$http\"]" "cluster.origins=[\"$http\"]"; do
        sets+=(--set "$pair")
    done
    folder=$(mktemp -d "$scratch/edge-XXXX")
    began=$(date +%s%N)
    "$WEIR" serve --data "$folder" --set rtmp.listen=127.0.0.1:0 --set http.listen=127.0.0.1:0 "${sets[@]}" \
        >"$folder/out" 2>&1 &
    pid=$!
    wait_for "$folder/admission.snapshot" || { cat "$folder/out" >&2; stop "$pid"; return 1; }
    ms=$((($(date +%s%N) - began) / 1000000))
    sleep 1
    rss=$(awk '/^VmRSS/ { print $2 * 1024 }' "/proc/$pid/status")
    printf '{"ms":%d,"bytes":%d,"rss":%d}' "$ms" "$(stat -c %s "$folder/admission.snapshot")" "$rss"
    stop "$pid"
}

section_events() {
    local example
    example=$(dirname "$WEIR")/examples/events_bench
    if [[ ! -x $example ]]; then
        (cd "$root" && cargo build --release --quiet --workspace --example events_bench)
        example=${CARGO_TARGET_DIR:-$root/target}/release/examples/events_bench
    fi
    say "5,000 events a second and 100 readers, SQLite …"
    "$example" | keep events-sqlite
    start_postgres || return 0
    say "the same, PostgreSQL …"
    "$example" "$postgres_url" | keep events-postgres
}
