#!/usr/bin/env bash
# Question: can another project use an installed neurojoule?
# Result: an install that was moved after installing is found by find_package, links with every
# object of every library, and runs; the program and its data files are in it.
# usage: consumer_test.sh CMAKE BUILD_DIR CONSUMER_DIR CXX VERSION
set -euo pipefail
cmake=$1 build_dir=$2 consumer_dir=$3 compiler=$4 version=$5
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

"$cmake" --install "$build_dir" --prefix "$scratch/installed" >"$scratch/install.log" ||
  { cat "$scratch/install.log"; exit 1; }
mv "$scratch/installed" "$scratch/moved"

said=$("$scratch/moved/bin/neurojoule" --version)
[[ $said == *"$version"* ]] || { echo "FAILED: --version says '$said', not $version"; exit 1; }
"$scratch/moved/bin/neurojoule" search --help >/dev/null || { echo "FAILED: no search"; exit 1; }

"$cmake" -S "$consumer_dir" -B "$scratch/build" -G Ninja -DCMAKE_CXX_COMPILER="$compiler" \
  -DCMAKE_PREFIX_PATH="$scratch/moved"
"$cmake" --build "$scratch/build"
"$scratch/build/consumer" "$scratch/moved/share/neurojoule"
