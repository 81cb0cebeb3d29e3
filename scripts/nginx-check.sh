#!/usr/bin/env bash
# Asks nginx whether deploy/nginx.conf is right: a copy with its folders moved to a throw-away one
# and a certificate made on the spot, then `nginx -t`. With a folder as argument, the copy stays
# there and ports may be given, which is how a trial by hand begins:
#   HTTPS=8443 HTTP=8081 RTMP=11935 RTMPS=12935 WEIR=127.0.0.1:8080 WEIR_RTMP=127.0.0.1:1936 \
#       scripts/nginx-check.sh /tmp/trial && nginx -c /tmp/trial/nginx.conf
# Shows R105.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

need_apt nginx libnginx-mod-stream openssl
# nginx binds its ports to test them; without others asked for, take some that are likely free.
base=$((20000 + RANDOM % 10000))
dir=${1:-}
if [ -z "$dir" ]; then
    dir=$(mktemp -d)
    trap 'rm -rf "$dir"' EXIT
fi
mkdir -p "$dir"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
    -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 \
    -keyout "$dir/privkey.pem" -out "$dir/fullchain.pem" 2>/dev/null
sed -e "s|^user www-data;|user $(id -un);|; s|/etc/ssl/weir/|$dir/|; s|/var/cache/nginx/weir|$dir/cache|" \
    -e "s|/run/nginx.pid|$dir/nginx.pid|; s|/var/log/nginx/|$dir/|" \
    -e "s|listen 443 ssl|listen ${HTTPS:-$((base + 0))} ssl|; s|listen 80;|listen ${HTTP:-$((base + 1))};|" \
    -e "s|listen 1935|listen ${RTMP:-$((base + 2))}|; s|listen 2935|listen ${RTMPS:-$((base + 3))}|" \
    -e "s|127.0.0.1:8080|${WEIR:-127.0.0.1:8080}|; s|127.0.0.1:1936|${WEIR_RTMP:-127.0.0.1:1936}|" \
    deploy/nginx.conf >"$dir/nginx.conf"
PATH="$PATH:/usr/sbin" nginx -t -q -c "$dir/nginx.conf"
say 'deploy/nginx.conf: nginx takes it'
