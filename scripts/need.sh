#!/usr/bin/env bash
# Gets what a step needs, or says plainly what is missing and stops; sourced, never run.
# Each function is quiet when everything is there, so every script can ask each time.
set -euo pipefail

# The versions the scripts are known to work with.
MOTO_VERSION=5.2.5
IMAGEIO_FFMPEG_VERSION=0.8.1
AUTOBAHN_VERSION=25.10.1
SCHEMATHESIS_VERSION=4.32.5
OIDC_PROVIDER_VERSION=9.13.3
NODE_MAJOR=20
version_of() {
    case $1 in
        cargo-deny) echo 0.20.2 ;;
        cargo-fuzz) echo 0.13.2 ;;
        *) die "a version for $1 in scripts/need.sh" ;;
    esac
}

say() { printf '== %s\n' "$*" >&2; }
die() {
    printf 'missing: %s\n' "$*" >&2
    exit 1
}

as_root() {
    if [ "$(id -u)" -eq 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        if [ -t 0 ]; then sudo "$@"; else sudo -n "$@"; fi
    else
        die "root rights for: $* (run as root, or install sudo)"
    fi
}

# The command that shows a package is there on a machine without dpkg; empty when none does.
probe_of() {
    case $1 in
        chromium) echo chromium ;;
        libc6-dev) echo cc ;;
        build-essential | g++) echo g++ ;;
        gstreamer1.0-tools) echo gst-launch-1.0 ;;
        python3-venv) echo python3 ;;
        ca-certificates | fonts-* | gstreamer1.0-* | lib*) echo '' ;;
        *) echo "$1" ;;
    esac
}

have_package() {
    local probe
    if command -v dpkg-query >/dev/null; then
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null || true)" = installed ]
        return
    fi
    probe=$(probe_of "$1")
    [ -z "$probe" ] || command -v "$probe" >/dev/null
}

# need_apt PACKAGE…: installs the Debian packages that are missing, without starting their services.
need_apt() {
    local missing=() package
    for package in "$@"; do
        have_package "$package" || missing+=("$package")
    done
    [ ${#missing[@]} -eq 0 ] && return
    command -v apt-get >/dev/null \
        || die "no apt-get here: install by hand what these Debian packages hold: ${missing[*]}"
    if [ -z "${WEIR_APT_UPDATED:-}" ]; then
        say 'apt-get update'
        as_root apt-get update -qq >/dev/null || die 'apt-get update failed: is the network there?'
        export WEIR_APT_UPDATED=1
    fi
    say "apt-get install ${missing[*]}"
    install_without_services "${missing[@]}" || die "apt-get could not install: ${missing[*]}"
}

# A test needs nginx the program, not nginx the running service: a policy file forbids the start
# (101 says so) for as long as the installation takes, also when it is interrupted.
install_without_services() (
    policy=/usr/sbin/policy-rc.d
    if [ ! -e "$policy" ]; then
        trap 'as_root rm -f "$policy"' EXIT
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    as_root env DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=120 \
        install -y -qq --no-install-recommends "$@" >/dev/null
)

need_rust() {
    command -v cargo >/dev/null \
        || die 'cargo: install Rust with rustup (the version in Cargo.toml, rust-version, or newer)'
    need_apt gcc libc6-dev make pkg-config git
}

need_node() {
    local have='' major=0
    if command -v node >/dev/null; then have=$(node --version); fi
    if [[ $have =~ ^v([0-9]+)\. ]]; then major=${BASH_REMATCH[1]}; fi
    [ "$major" -ge "$NODE_MAJOR" ] \
        || die "node $NODE_MAJOR or newer (found: ${have:-none}); Debian 12's own package is too old"
    command -v npm >/dev/null || die 'npm (it comes with Node)'
}

# need_cargo_tool NAME: builds a cargo subcommand once.
need_cargo_tool() {
    local name=$1 version
    command -v "$name" >/dev/null && return
    version=$(version_of "$name")
    say "cargo install $name $version (built from source once: several minutes)"
    env -u CARGO_TARGET_DIR cargo install --quiet --locked "$name" --version "$version" \
        || die "$name could not be built: cargo install --locked $name --version $version"
}

# Node packages of web/, installed again only when the lock file is another one.
need_npm_web() {
    need_node
    local stamp=web/node_modules/.weir-lock want
    want=$(cat web/package-lock.json web/package.json | sha256sum)
    [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && return
    say 'npm ci in web/'
    (cd web && npm ci --no-audit --no-fund --loglevel=error >/dev/null) || die 'npm ci in web/ failed'
    printf '%s\n' "$want" >"$stamp"
}

# The packages and the pages in web/dist, built again only when their sources changed: the binary embeds
# them, and would be built again with them.
need_web_dist() {
    need_npm_web
    local stamp="$WEIR_TARGET/web-dist.stamp" want
    want=$(find web LICENSE-* \( -name node_modules -o -name dist -o -path web/site/public/sdk \) -prune -o -type f -print0 \
        | sort -z | xargs -0 sha256sum | sha256sum)
    [ -f web/dist/index.html ] && [ "$(cat "$stamp" 2>/dev/null || true)" = "$want" ] && return
    say 'vite build: web/ → web/dist'
    (cd web && npm run --silent build -- --logLevel warn) || die 'the web pages did not build'
    mkdir -p "$WEIR_TARGET"
    printf '%s\n' "$want" >"$stamp"
}

# FFmpeg 9 beside Debian's 5.1: the static binary inside a Python package. Sets WEIR_FFMPEG9.
need_pip_ffmpeg9() {
    local venv="$WEIR_TOOLS/venv"
    local ask='import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())'
    if ! WEIR_FFMPEG9=$("$venv/bin/python" -c "$ask" 2>/dev/null); then
        need_apt python3 python3-venv
        say "pip install imageio-ffmpeg $IMAGEIO_FFMPEG_VERSION into $WEIR_TOOLS/venv"
        python3 -m venv --clear "$venv" || die 'a Python venv (Debian: python3-venv)'
        "$venv/bin/pip" install --quiet --disable-pip-version-check \
            "imageio-ffmpeg==$IMAGEIO_FFMPEG_VERSION" || die "imageio-ffmpeg $IMAGEIO_FFMPEG_VERSION from PyPI"
        WEIR_FFMPEG9=$("$venv/bin/python" -c "$ask") || die 'the FFmpeg binary inside imageio-ffmpeg'
    fi
    export WEIR_FFMPEG9
}

# A server that speaks S3, for tests. Sets WEIR_MOTO_SERVER.
need_pip_moto() {
    local venv="$WEIR_TOOLS/moto-venv"
    WEIR_MOTO_SERVER="$venv/bin/moto_server"
    if ! "$WEIR_MOTO_SERVER" --help >/dev/null 2>&1; then
        need_apt python3 python3-venv
        say "pip install moto $MOTO_VERSION into $venv"
        python3 -m venv --clear "$venv" || die 'a Python venv (Debian: python3-venv)'
        "$venv/bin/pip" install --quiet --disable-pip-version-check \
            "moto[s3]==$MOTO_VERSION" flask==3.1.2 flask-cors==6.0.1 || die "moto $MOTO_VERSION from PyPI"
    fi
    export WEIR_MOTO_SERVER
}

# A provider of OpenID Connect, for tests. Sets WEIR_OIDC_PROVIDER, the folder of Node packages that it is in.
need_npm_oidc_provider() {
    need_node
    local folder="$WEIR_TOOLS/oidc-provider" have
    WEIR_OIDC_PROVIDER="$folder/node_modules"
    have=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$WEIR_OIDC_PROVIDER/oidc-provider/package.json" 2>/dev/null || true)
    if [ "$have" != "$OIDC_PROVIDER_VERSION" ]; then
        say "npm install oidc-provider $OIDC_PROVIDER_VERSION into $folder"
        mkdir -p "$folder"
        npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --loglevel=error \
            "oidc-provider@$OIDC_PROVIDER_VERSION" >/dev/null || die "oidc-provider $OIDC_PROVIDER_VERSION from npm"
    fi
    export WEIR_OIDC_PROVIDER
}

# The Autobahn WebSocket test suite, which scripts/wstest.py makes run on Python 3. Sets WEIR_WSTEST.
need_pip_wstest() {
    local venv="$WEIR_TOOLS/wstest-venv" here
    here=$(pwd)
    WEIR_WSTEST="$WEIR_TOOLS/wstest"
    if ! "$venv/bin/python" scripts/wstest.py --version >/dev/null 2>&1; then
        need_apt python3 python3-venv
        say "pip install autobahntestsuite $AUTOBAHN_VERSION into $venv"
        python3 -m venv --clear "$venv" || die 'a Python venv (Debian: python3-venv)'
        "$venv/bin/pip" install --quiet --disable-pip-version-check setuptools==78.1.1 fissix==24.4.24 \
            Twisted==24.11.0 pyOpenSSL==25.3.0 service-identity==24.2.0 six==1.17.0 Jinja2==3.1.6 \
            || die 'what autobahntestsuite needs, from PyPI'
        # The last protocol library the suite works with; --no-build-isolation: its setup.py is old.
        "$venv/bin/pip" install --quiet --disable-pip-version-check --no-deps --no-build-isolation \
            "autobahntestsuite==$AUTOBAHN_VERSION" autobahn==0.10.9 txaio==2.1.0 \
            || die "autobahntestsuite $AUTOBAHN_VERSION from PyPI"
        "$venv/bin/python" scripts/wstest.py install || die 'autobahntestsuite on Python 3'
        "$venv/bin/python" scripts/wstest.py --version >/dev/null || die 'autobahntestsuite on this Python'
    fi
    printf '#!/bin/sh\nexec "%s" "%s" "$@"\n' "$venv/bin/python" "$here/scripts/wstest.py" >"$WEIR_WSTEST"
    chmod +x "$WEIR_WSTEST"
    export WEIR_WSTEST
}

# What tries an HTTP API by its OpenAPI document. Sets WEIR_SCHEMATHESIS.
need_pip_schemathesis() {
    local venv="$WEIR_TOOLS/schemathesis-venv"
    WEIR_SCHEMATHESIS="$venv/bin/schemathesis"
    if [[ "$("$WEIR_SCHEMATHESIS" --version 2>/dev/null)" != *" $SCHEMATHESIS_VERSION" ]]; then
        need_apt python3 python3-venv
        say "pip install schemathesis $SCHEMATHESIS_VERSION into $venv"
        python3 -m venv --clear "$venv" || die 'a Python venv (Debian: python3-venv)'
        "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$SCHEMATHESIS_VERSION" \
            || die "schemathesis $SCHEMATHESIS_VERSION from PyPI"
    fi
    export WEIR_SCHEMATHESIS
}
