#!/usr/bin/env bash
# Installs what is missing and builds the daemon and its console; called by scripts/cluster start.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$ROOT"
# shellcheck source=scripts/lib/packages.sh
. scripts/lib/packages.sh
# shellcheck source=scripts/lib/build.sh
. scripts/lib/build.sh
install_packages
build release atesd atesctl
