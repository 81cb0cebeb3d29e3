#!/usr/bin/env bash
# make web: the pages, from web/ into web/dist.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
# shellcheck source=scripts/env.sh
source scripts/env.sh
# shellcheck source=scripts/need.sh
source scripts/need.sh

need_web_dist
say 'web/dist is up to date'
