#!/usr/bin/env bash
# Question: does the program tell bad input from failed work, and leave nothing half-written?
# Result: exit codes 0, 1, 2; one located message on standard error; no folder made for bad input.
set -euo pipefail
program=$(realpath "$1")
source_dir=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
failures=0

# expect CODE TEXT ARGUMENT...: runs the program; TEXT must be in what it prints.
expect() {
  local code=$1 text=$2 got=0
  shift 2
  "$program" "$@" >out.txt 2>&1 || got=$?
  if ((got != code)) || ! grep -qF -- "$text" out.txt; then
    printf 'FAILED: neurojoule %s\n  expected exit %d and "%s", got %d and:\n' "$*" "$code" "$text" "$got"
    sed 's/^/  | /' out.txt
    failures=$((failures + 1))
  fi
}

expect 0 "SCENARIO" run --help
expect 0 "check" --help
expect 0 "0." --version
expect 2 "subcommand" 
expect 2 "subcommand" nonsense
expect 2 "--jobs" run a.yaml --jobs 0
expect 2 "none.yaml: no such file" run none.yaml --out result
expect 2 "not a regular file" check .

printf 'name: [1, 2\n' >broken.yaml
expect 2 "broken.yaml:2:1: not YAML" run broken.yaml --out result
head -c 4096 /dev/urandom >noise.yaml
expect 2 "noise.yaml" check noise.yaml
printf 'a: 1\n' >other.yaml
expect 2 "neither a scenario" check other.yaml

for file in "$source_dir"/hardware/chips/*.yaml "$source_dir"/energy/tables/*.yaml; do
  expect 0 "valid" check "$file"
  expect 0 "$(basename "$file" .yaml)" info "$file"
done
sed 's/  width: 8/  width: 1000000000/' "$source_dir/hardware/chips/mesh45.yaml" >huge.yaml
expect 2 "huge.yaml:" check huge.yaml

printf 'model: {family: qkformer, preset: imagenet_10_768}\n' >model.yaml
expect 0 "64962760 parameters in the state dict, 64864552 with BatchNorm folded" info model.yaml
expect 2 "lacks the key 'name'" check model.yaml
printf 'name: dvs\nmodel: {family: spikformer, preset: cifar10_dvs}\n' >dvs.yaml
expect 0 "378538496 dense operations per time step" info dvs.yaml
printf 'dataset: {source: fashion-mnist}\n' >>dvs.yaml
expect 0 "no checkpoint, so it cannot be run" info dvs.yaml
expect 2 "a run needs a checkpoint" run dvs.yaml --out result
printf 'model: {family: qkformer, depth: 2}\n' >model.yaml
expect 2 "did you mean 'depths'?" info model.yaml

head -c 100 /dev/zero >zero.safetensors
expect 2 "zero.safetensors" info zero.safetensors
printf '\x00\x00\x00\x00\x00\x00\x00\x10{}' >claims.safetensors
expect 2 "claims.safetensors" info claims.safetensors
head -c 7 /dev/zero >odd.bin
expect 2 "odd.bin" info odd.bin
expect 2 "expected a .yaml" info odd.txt

if [[ -e result ]]; then
  echo "FAILED: bad input left a folder behind"
  failures=$((failures + 1))
fi
echo "$failures failures"
exit $((failures > 0))
