#!/usr/bin/env bash
# install_packages.sh PACKAGE...: installs them, as root, without questions.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

readonly cluster_settings=/etc/postgresql-common/createcluster.conf
readonly mark='# aTES, while installing'

install() { apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 -q=2 "$@"; }
allow_main_cluster() { sed -i "/$mark\$/d" "$cluster_settings"; }

apt-get update -q=2

# Debian's postgresql starts a cluster for everybody on port 5432 when it is first installed. Nobody asked us for one.
if [[ " $* " == *" postgresql-15 "* ]]; then
  install postgresql-common
  trap allow_main_cluster EXIT
  allow_main_cluster # what a killed installation may have left
  echo "create_main_cluster = false $mark" >>"$cluster_settings"
fi
install "$@"
