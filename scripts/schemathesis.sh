#!/usr/bin/env bash
# Sends the API what its own description says and what it does not, by the hundred, to a server started for it:
# no answer may be a 500, or a status or a body that the description does not know.
# ARGS go to `schemathesis run`: scripts/schemathesis.sh --seed 7
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

need_rust
need_pip_schemathesis
cargo build --locked --quiet --package weir
weir="$WEIR_TARGET/debug/weir"

settings=$(realpath scripts/schemathesis.toml)
data=$(mktemp -d)
server=
# shellcheck disable=SC2317 # by the trap
end() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; } 2>/dev/null || true
    rm -rf "$data"
}
trap end EXIT

token=schemathesis-admin-token
# From one address and without a token too, as fast as it goes.
"$weir" serve --demo --data "$data" --set rtmp.listen=127.0.0.1:0 --set http.listen=127.0.0.1:0 \
    --set "admin.token=$token" --set api.reads_per_minute=0 --set api.writes_per_minute=0 \
    --set api.asks_per_minute=0 >"$data/out" 2>&1 &
server=$!
for _ in $(seq 100); do
    [ ! -s "$data/ports.json" ] || break
    kill -0 "$server" || { cat "$data/out" >&2; die 'weir did not start'; }
    sleep 0.1
done
address=$(sed -E 's/.*"http":\["([^"]*)".*/\1/' "$data/ports.json")

# not_a_server_error and what the answers look like, whatever was sent; that nonsense is refused; that nothing
# is answered without the token that should not be.
checks=not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance
checks=$checks,negative_data_rejection,ignored_auth,unsupported_method
run() {
    (cd "$data" && NO_COLOR=1 "$WEIR_SCHEMATHESIS" --config-file "$settings" run "http://$address/api/v1/openapi.json" --checks "$checks" \
        --header "Authorization: Bearer $token" --generation-database none --warnings off "$@")
}
say 'the API against its description'
# All phases. What the document lets be told apart is tried by the coverage phase, whatever is said here; so many
# more are drawn for each operation, and as many chains of operations. EXAMPLES=200 for a long look.
run --exclude-operation-id drain_begin --max-examples "${EXAMPLES:-20}" --workers 2 --seed "${SEED:-1}" "$@"
# Last, for the node then takes nobody new.
run --include-operation-id drain_begin --max-examples 20 --phases examples,coverage,fuzzing --seed "${SEED:-1}" "$@"
kill -0 "$server" || die 'weir is gone'
