#!/usr/bin/env bash
# Sections about accounts and channels, sourced by run.sh: lists and searches where there are many, and a storm of
# sign-ins beside viewers. PostgreSQL is found by WEIR_POSTGRES or in Debian's place.
# shellcheck disable=SC2034,SC2154

set -euo pipefail

people_sections=(lists-sqlite lists-postgres sign-in)
people_password='a sentence that nobody guesses'

if [[ $mode == full ]]; then
    sqlite_people=(100000 10000) postgres_people=(1000000 100000) people_seconds=10 storm_seconds=30
else
    sqlite_people=(20000 2000) postgres_people=(50000 5000) people_seconds=1 storm_seconds=8
fi

# Starts a PostgreSQL of our own; sets postgres_url.
start_postgres() {
    local bin dir=$scratch/postgres port
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
        -c shared_buffers=512MB -c max_wal_size=4GB >"$scratch/postgres.log" 2>&1) &
    pids+=("$!")
    local left=200
    until "$bin/createdb" --host 127.0.0.1 --port "$port" --username weir bench 2>/dev/null; do
        ((left-- > 0)) || { cat "$scratch/postgres.log" >&2; return 1; }
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
    fill_people "${sqlite_people[@]}" sqlite3 -bail "$data/weir.db"
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
    fill_people 5000 10 sqlite3 -bail "$data/weir.db"
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
