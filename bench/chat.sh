#!/usr/bin/env bash
# Rooms with many members, beside what others do. Sourced by run.sh; the unit is processor seconds a million
# deliveries, and `weir bench chat` is the crowd for all of them.
# shellcheck disable=SC2034,SC2154
set -euo pipefail

chat_sections=(chat chat-rooms chat-idle chat-peers)

# The same for all: a message of 100 bytes, one room unless said otherwise.
chat_load() { # NAME URL PID ARGUMENT…
    local name=$1 url=$2 pid=$3
    shift 3
    say "$name …"
    "$WEIR" bench chat --url "$url" --pid "$pid" --seconds "$seconds" --json "$@" | keep "$name"
}

start_chat() {
    # The crowd comes from one address.
    start_weir chat.guests=write chat.connections_per_network=20000
}

section_chat() {
    start_chat
    # One message a send; twenty a tick; eighty a tick.
    chat_load chat-12 "ws://$http/chat" "$weir_pid" --members 5000 --posters 12
    chat_load chat-240 "ws://$http/chat" "$weir_pid" --members 5000 --posters 240
    chat_load chat-960 "ws://$http/chat" "$weir_pid" --members 1000 --posters 960
    stop "$weir_pid"
}

section_chat-rooms() {
    start_chat
    # As many members and as many deliveries in one room and in a thousand.
    chat_load chat-one-room "ws://$http/chat" "$weir_pid" --members 9000 --posters 1
    chat_load chat-many-rooms "ws://$http/chat" "$weir_pid" --members 9000 --rooms 1000 --posters 1000
    stop "$weir_pid"
}

section_chat-idle() {
    start_chat
    chat_load chat-idle "ws://$http/chat" "$weir_pid" --members 10000 --posters 0
    stop "$weir_pid"
}

# Servers of others, each in one process, with as many members and messages.
section_chat-peers() {
    local modules=$scratch/modules kind pid rate
    mkdir -p "$modules"
    npm install --silent --no-save --prefix "$modules" ws@8.23.0 socket.io@4.8.4 >/dev/null ||
        { say "npm has no ws or socket.io: left out"; return 0; }
    for rate in 12 60; do
        start_chat
        chat_load "chat-weir-$rate" "ws://$http/chat" "$weir_pid" --members 5000 --posters "$rate"
        stop "$weir_pid"
        for kind in plain socketio; do
            rm -f "$scratch/peer-port"
            node "$here/peers/chat.mjs" "$kind" "$modules" "$scratch/peer-port" &
            pid=$!
            pids+=("$pid")
            wait_for "$scratch/peer-port"
            local path=/chat
            [[ $kind == plain ]] || path=/socket.io/
            chat_load "chat-$kind-$rate" "ws://127.0.0.1:$(<"$scratch/peer-port")$path" "$pid" \
                --dialect "$kind" --members 5000 --posters "$rate"
            stop "$pid"
        done
        chat_beside_nchan "$rate"
        chat_beside_centrifugo "$rate"
    done
}

chat_beside_nchan() { # RATE
    nginx_module=/usr/lib/nginx/modules/ngx_nchan_module.so nginx_rtmp=0 nginx_http=$(free_port)
    if ! command -v nginx >/dev/null || [[ ! -e $nginx_module ]]; then
        say "nchan is not installed (apt-get install libnginx-mod-nchan): left out"
        return 0
    fi
    start_nginx nginx-nchan.conf
    chat_load "chat-nchan-$1" "ws://127.0.0.1:$nginx_http/chat" "$nginx_pid" \
        --dialect nchan --members 5000 --posters "$1"
    stop "$nginx_pid"
}

chat_beside_centrifugo() { # RATE
    local port pid
    if ! command -v centrifugo >/dev/null; then
        say "centrifugo is not installed (go install github.com/centrifugal/centrifugo/v6@v6.9.1): left out"
        return 0
    fi
    port=$(free_port)
    printf '{"client":{"insecure":true},"http_server":{"address":"127.0.0.1","port":"%s"},"log":{"level":"error"},"channel":{"without_namespace":{"allow_publish_for_client":true,"allow_subscribe_for_client":true}}}' \
        "$port" >"$scratch/centrifugo.json"
    centrifugo --config "$scratch/centrifugo.json" &
    pid=$!
    pids+=("$pid")
    sleep 2
    chat_load "chat-centrifugo-$1" "ws://127.0.0.1:$port/connection/websocket" "$pid" \
        --dialect centrifugo --members 5000 --posters "$1"
    stop "$pid"
}
