#!/usr/bin/env bash
# Question: does ./dev explain itself, refuse what it does not know, and list missing packages
# without installing any?
# usage: dev_test.sh SOURCE_DIR
set -euo pipefail
dev=$1/dev
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

failures=0
# expect STATUS TEXT COMMAND...: the command ends with STATUS and prints TEXT somewhere.
expect() {
  local status=$1 text=$2 output actual=0
  shift 2
  output=$("$@" 2>&1) || actual=$?
  if [[ $actual != "$status" || $output != *"$text"* ]]; then
    printf 'FAILED: %s\n  expected exit %s and "%s"\n  got exit %s and: %s\n' \
      "$*" "$status" "$text" "$actual" "$output"
    failures=$((failures + 1))
  fi
}

for command in setup build run test bench format check help; do
  expect 0 "  $command " "$dev" help
done
expect 2 "which command?" "$dev"
expect 2 "unknown command 'tset'" "$dev" tset
expect 2 "no preset 'fast'" "$dev" build fast
expect 2 "which scenario?" "$dev" run
expect 2 "unknown option '--chek'" "$dev" format --chek

# A machine where dpkg-query finds only g++, and where any other step would leave a trace.
cat >"$scratch/dpkg-query" <<'SCRIPT'
#!/bin/sh
echo "g++ installed"
exit 1
SCRIPT
for tool in apt-get sudo cmake; do
  printf '#!/bin/sh\ntouch "%s/called"\n' "$scratch" >"$scratch/$tool"
done
chmod +x "$scratch"/*
missing=(env PATH="$scratch:$PATH" "$dev" --no-install)
expect 1 "missing Debian packages: cmake ninja-build libboost-graph-dev" "${missing[@]}" build release
expect 1 "apt-get install --no-install-recommends cmake" "${missing[@]}" run examples/quickstart.yaml
expect 1 "missing Debian packages: clang-format-14" "${missing[@]}" format --check
expect 1 "libbenchmark-dev" "${missing[@]}" setup
if [[ -e $scratch/called ]]; then
  printf 'FAILED: --no-install went on to install or build\n'
  failures=$((failures + 1))
fi
((failures == 0))
