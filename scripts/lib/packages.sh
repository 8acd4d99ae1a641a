# shellcheck shell=bash
# Installs what is missing of scripts/packages.txt. Sourced by the scripts; needs $ROOT.

# Returns at once when nothing is missing. Installs as root or with a sudo that asks nothing; otherwise prints the line
# to run, and exits with 2.
install_packages() {
  local missing
  mapfile -t missing < <(missing_packages)
  [[ ${#missing[@]} -eq 0 ]] && return
  local as_root=()
  if [[ $EUID -ne 0 ]]; then
    if ! sudo -n true 2>/dev/null; then
      explain_missing "${missing[@]}"
      exit 2
    fi
    as_root=(sudo -n)
  fi
  echo "Installing ${#missing[@]} Debian packages: ${missing[*]}"
  "${as_root[@]}" bash "$ROOT/scripts/lib/install_packages.sh" "${missing[@]}" </dev/null || {
    echo "Installing the packages failed; what apt-get said is above." >&2
    exit 2
  }
}

# What another installed package provides is there too: NodeSource's nodejs, for one, brings npm and tolerates no second.
missing_packages() {
  comm -13 \
    <(dpkg-query --show --showformat='${db:Status-Status} ${Package}, ${Provides}\n' |
      sed -n 's/^installed //p' | sed 's/([^)]*)//g' | tr ', ' '\n' | sort -u) \
    <(grep -v '^#' "$ROOT/scripts/packages.txt" | grep . | sort -u)
}

explain_missing() {
  {
    echo "Debian packages are missing, and installing them needs root or sudo. Run this as root, then try again:"
    echo
    echo "apt-get install -y --no-install-recommends $*"
    if [[ " $* " == *" postgresql-15 "* ]]; then
      echo
      echo "(aTES keeps a PostgreSQL of its own. Debian's package also starts one for everybody, unless"
      echo "/etc/postgresql-common/createcluster.conf says create_main_cluster = false; aTES does not use that one.)"
    fi
  } >&2
}
