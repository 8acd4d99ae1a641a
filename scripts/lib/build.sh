# shellcheck shell=bash
# Configures and builds a preset. Sourced by the scripts; needs $ROOT as the working directory.

# build PRESET [TARGET...]: one moving line on a terminal, otherwise a line before and what went wrong.
build() {
  local preset=$1
  shift
  local targets=() quiet=(-- --quiet)
  [[ $# -gt 0 ]] && targets=(--target "$@")
  [[ -t 1 ]] && quiet=()
  echo "Building build/$preset ..."
  local configured="build/$preset/configure.log"
  mkdir -p "build/$preset"
  if ! cmake --preset "$preset" >"$configured" 2>&1; then
    cat "$configured" >&2
    return 1
  fi
  cmake --build --preset "$preset" "${targets[@]}" "${quiet[@]}"
}
