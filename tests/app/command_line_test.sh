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

expect 0 "--trace" run --help
expect 0 "check" --help
expect 0 "docs/scenario.md describes the files" check --help
expect 0 "docs/sanafe.md describes the files" sanafe --help
expect 0 "--timesteps" import --help
expect 0 "--dt" export --help
expect 0 "0." --version
expect 2 "subcommand" 
expect 2 "subcommand" nonsense
expect 2 "--jobs" run a.yaml --jobs 0
expect 2 "none.yaml: no such file" run none.yaml --out result
expect 2 "none/result.json: no such file" price none --prices horowitz45
for clock in nan -nan inf 0 1e400 fast; do
  expect 2 "--clock: expected 0.001..1000, got '$clock'" price none --clock=$clock
done
expect 2 "none/result.json: no such file" price none --clock 2
expect 2 "none/result.json: no such file" explain none
expect 2 "none/result.json: no such file" compare none none
expect 2 "RUN" compare none
expect 0 "--jobs" search --help
expect 0 "Usage: neurojoule search" search -h
expect 2 "SCENARIO is required" search
# A search is a program of its own: the library of algorithms that it needs is not loaded for others.
# Sanitizer builds compile its files and others as one.
libraries=$(ldd "$program")
if [[ $libraries == *pagmo* && $libraries != *libasan* && $libraries != *libtsan* ]]; then
  echo "FAILED: $program loads pagmo"
  failures=$((failures + 1))
fi
mkdir alone
cp "$program" alone/
if alone/neurojoule search a.yaml >out.txt 2>&1 ||
    ! grep -qF "alone/neurojoule-search: cannot be started: No such file" out.txt; then
  echo "FAILED: a search without its program beside says: $(cat out.txt)"
  failures=$((failures + 1))
fi
expect 2 "none.yaml: no such file" search none.yaml --out result
expect 0 "valid scenario 'other', fits loihi1" check "$source_dir/examples/quickstart.yaml" \
  --set name=other --set chip=loihi1 --set prices=loihi1_published
expect 2 "did you mean 'mesh45'?" check "$source_dir/examples/quickstart.yaml" --set chip=mesh54
expect 2 "did you mean 'budget'?" check "$source_dir/examples/search.yaml" --set search.bugdet=5
expect 2 "horowitz45.yaml: --set replaces values of scenarios and searches" \
  check "$source_dir/energy/tables/horowitz45.yaml" --set name=other
# 1 KiB in 4 banks; the prices of SRAMs begin at 1 KiB.
printf 'base: pe_array45\nname: small\ndescription: d\ncore_kinds: {array: {membrane_buffer: {capacity: 1 KiB}}}\n' >small.yaml
for command in check run; do
  expect 2 "array.membrane_buffer read_word at 128 bits: the formula covers 1 KiB to" \
    $command "$source_dir/examples/quickstart.yaml" --set chip="$folder/small.yaml"
  expect 2 "this memory of small has 256 B per bank" \
    $command "$source_dir/examples/quickstart.yaml" --set chip="$folder/small.yaml"
done
[[ ! -e runs ]] || { echo "FAILED: a refused run left a folder"; failures=$((failures + 1)); }
expect 2 "needs a \`search:\` block" search "$source_dir/examples/quickstart.yaml" --out result
expect 2 "is for \`neurojoule search\`" run "$source_dir/examples/search.yaml" --out result
expect 2 "not a regular file" check .

printf 'name: [1, 2\n' >broken.yaml
expect 2 "broken.yaml:2:1: not YAML" run broken.yaml --out result
head -c 4096 /dev/urandom >noise.yaml
expect 2 "noise.yaml" check noise.yaml
printf 'a: 1\n' >other.yaml
expect 2 "neither a scenario" check other.yaml
expect 2 "neither a scenario" info other.yaml
for text in '' '# nothing'; do
  printf '%s\n' "$text" >empty.yaml
  for command in check info; do
    expect 2 "empty.yaml: is empty" $command empty.yaml
  done
done
printf '[1]\n' >list.yaml
expect 2 "list.yaml:1:1: expected a map of keys" check list.yaml
other_kind() { expect 2 "$1: $PWD/$2 is $3" check "$quickstart" --set "$1=$PWD/$2"; }
quickstart=$source_dir/examples/quickstart.yaml
printf 'base: mesh45\nname: big\n' >big.yaml
cp "$quickstart" as_chip.yaml
cp "$source_dir/energy/tables/horowitz45.yaml" table.yaml
other_kind chip as_chip.yaml "a scenario, not a chip"
other_kind chip table.yaml "a price table, not a chip"
other_kind prices big.yaml "a chip, not a price table"
other_kind prices as_chip.yaml "a scenario, not a price table"
expect 2 "$PWD/empty.yaml: is empty" check "$quickstart" --set "chip=$PWD/empty.yaml"

for file in "$source_dir"/hardware/chips/*.yaml "$source_dir"/energy/tables/*.yaml; do
  expect 0 "valid" check "$file"
  expect 0 "$(basename "$file" .yaml)" info "$file"
done
expect 0 "synaptic_operation      3.5 ns" info "$source_dir/hardware/chips/loihi1.yaml"
expect 0 "hop_north_south     48  64 bit   1 ns   6.5 ns" info "$source_dir/hardware/chips/loihi1.yaml"
for file in "$source_dir"/examples/chips_large/*.yaml; do
  expect 0 "valid" check "$file"
done
for command in check info; do
  expect 2 "embedded_host.yaml:5:1: a part of a chip, which goes into the \`base\` of one" \
    $command "$source_dir/examples/chips_large/parts/embedded_host.yaml"
  expect 2 "embedded_host_prices.yaml:4:1: lacks the key 'technology'" \
    $command "$source_dir/examples/chips_large/parts/embedded_host_prices.yaml"
done
expect 0 "core: 4096 cores (neuron), 256 neurons each, uniform weights to 2 bit, fan-in to 128, axons to 128, slices to 256, spikes to 1 bit" info "$source_dir/hardware/chips/truenorth.yaml"
sed 's/  width: 8/  width: 1000000000/' "$source_dir/hardware/chips/mesh45.yaml" >huge.yaml
expect 2 "huge.yaml:" check huge.yaml
printf 'base: mesh45\nname: mine\n' >mine.yaml
expect 0 "valid chip 'mine'" check mine.yaml
expect 0 "128 cores" info mine.yaml
awk '/^```yaml/ {inside = 1; next} /^```/ {exit} inside' "$source_dir/docs/chip-file.md" >documented.yaml
expect 0 "valid chip 'mesh45_large'" check documented.yaml
printf 'base: mesh54\n' >mine.yaml
expect 2 "mine.yaml:1:1: base: no shipped chip is named 'mesh54', did you mean 'mesh45'?" check mine.yaml

printf 'model: {family: qkformer, preset: imagenet_10_768}\n' >model.yaml
expect 0 "64962760 parameters in the state dict, 64864552 with BatchNorm folded" info model.yaml
expect 2 "lacks the key 'name'" check model.yaml
printf 'name: dvs\nmodel: {family: spikformer, preset: cifar10_dvs}\n' >dvs.yaml
expect 0 "378538496 dense operations per time step" info dvs.yaml
printf 'dataset: {source: fashion-mnist}\n' >>dvs.yaml
expect 0 "no checkpoint, so it cannot be run" info dvs.yaml
expect 2 "a run needs a checkpoint" run dvs.yaml --out result
expect 2 "dvs.yaml: chip: --trace needs a chip" run dvs.yaml --trace --out result
printf 'model: {family: qkformer, depth: 2}\n' >model.yaml
expect 2 "did you mean 'depths'?" info model.yaml

# Scenarios whose samples are not there: all else is checked, and a wrong chip is still refused.
for name in nmnist cifar10_dvs; do
  sed "s|path: \.\..*|path: none.h5|; s|models/|$source_dir/examples/models/|;
    s|chips_large/|$source_dir/examples/chips_large/|" "$source_dir/examples/$name.yaml" >absent.yaml
  expect 0 "absent.yaml: valid scenario '$name', fits mesh45" check absent.yaml
  expect 0 "data not found: none.h5 (needed to run)" check absent.yaml
  expect 0 "data not found: none.h5 (needed to run)" info absent.yaml
  expect 0 "weights take" info absent.yaml
  expect 2 "none.h5: no such file" run absent.yaml --out result
done
sed 's|^chip: .*|chip: mesh54|' absent.yaml >wrong_chip.yaml
expect 2 "did you mean 'mesh45'?" check wrong_chip.yaml
sed 's|dvs.safetensors|dsv.safetensors|' absent.yaml >no_model.yaml
expect 2 "spikformer_cifar10_dsv.safetensors: no such file" check no_model.yaml
expect 2 "spikformer_cifar10_dsv.safetensors: no such file" info no_model.yaml
sed "s|path: \.\..*|path: none|; s|\.\./models/|$source_dir/examples/models/|" \
  "$source_dir/examples/searches/nmnist.yaml" >absent.yaml
expect 0 "valid search 'search_nmnist' of 18 variables" check absent.yaml
expect 0 "data not found: none/t10k-images-idx3-ubyte (needed to run)" check absent.yaml
expect 0 "data not found: none/train-images-idx3-ubyte (needed to run)" info absent.yaml
expect 0 "search of 18 variables" info absent.yaml
sed 's|pot3, binary|pto3, binary|' absent.yaml >wrong_format.yaml
expect 2 "search.formats" check wrong_format.yaml

head -c 100 /dev/zero >zero.safetensors
expect 2 "zero.safetensors" info zero.safetensors
printf '\x00\x00\x00\x00\x00\x00\x00\x10{}' >claims.safetensors
expect 2 "claims.safetensors" info claims.safetensors
head -c 7 /dev/zero >odd.bin
expect 2 "odd.bin" info odd.bin
expect 2 "expected a .yaml" info odd.txt

# A trained network as a model file, as a list of layers, and back: the same bytes.
expect 2 "did you mean 'head'?" run "$quickstart" --set "mapping.fixed={haed: [{core: 0}]}" --out result
for file in "$source_dir"/examples/studies/*.yaml; do
  expect 0 "valid batch" check "$file"
done
# A disk that fills up in the middle of a model file.
(
  ulimit -f 100
  expect 1 "full.h5: cannot be written: File too large" import "$quickstart" --out full.h5
  exit "$failures"
) || failures=$((failures + 1))
[[ -z $(ls full.h5* 2>/dev/null) ]] || { echo "FAILED: something is left of full.h5"; failures=$((failures + 1)); }
sed "s|: models/|: $source_dir/examples/models/|; s|simulation: .*|simulation: {samples: 1}|" \
  "$source_dir/examples/search.yaml" >search.yaml
expect 0 "valid search 'search' of 18 variables" check search.yaml
expect 0 "valid batch 'chips' of 7 points, 2 of which do not fit" check "$source_dir/examples/chips.yaml"
expect 0 "005 does not fit: layer" run "$source_dir/examples/chips.yaml" --set dataset.samples=1 --set outputs.series=true --out chips
[[ -s $(echo chips/000*/series.h5) && -s $(echo chips/004*/series.h5) ]] || failures=$((failures + 1))
[[ $(wc -l <chips/batch.csv) == 8 && $(wc -l <chips/batch_layers.csv) == 131 ]] || failures=$((failures + 1))
expect 2 "the network does not fit the chip" run "$source_dir/examples/chips.yaml" --set mapping.misfit=refuse
expect 0 "net.h5: 48 layers, 359736 weights, 4 time steps" import "$quickstart" --out net.h5
expect 0 "dense operations per time step" info net.h5
expect 0 "net.yaml" export net.h5 --out net.yaml
expect 0 "dense operations per time step" info net.yaml
expect 0 "valid network of" check net.yaml
expect 0 "again.h5" import net.yaml --out again.h5
cmp net.h5 again.h5 || failures=$((failures + 1))
expect 2 "a YAML file cannot hold this name: byte 0xe9" export net.h5 --out $'bad\xe9.yaml'
mkdir $'caf\xe9'
cp net.h5 $'caf\xe9'
printf 'name: x\nmodel: {file: net.h5}\ndataset: {source: fashion-mnist, samples: 1, framing: {max_value: 15}}\n' \
  >$'caf\xe9/scenario.yaml'
expect 2 "results cannot hold its paths: byte 0xe9 is not UTF-8" run $'caf\xe9/scenario.yaml' --out result
expect 0 "weights.safetensors" export net.h5 --out weights.safetensors
expect 0 "head.weight" info weights.safetensors
printf 'name: lone\nmodel: {file: net.h5}\n' >lone.yaml
expect 0 "361750 weights and biases" info lone.yaml
printf 'model: {file: net.h5, timesteps: 4}\n' >lone.yaml
expect 2 "timesteps: unknown key" info lone.yaml

# Two inputs, two neurons, two classes; all weights 0.
header='{"a.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[0,16]},"c.weight":{"dtype":"F32","shape":[2,2],"data_offsets":[16,32]}}'
{
  printf "\\x$(printf %02x ${#header})\\0\\0\\0\\0\\0\\0\\0%s" "$header"
  head -c 32 /dev/zero
} >small.safetensors
cat >small.yaml <<END
timesteps: 4
weights: small.safetensors
layers:
- {name: in, kind: input, shape: [2, 1, 1], max_value: 7}
- {name: a, kind: conv2d, input: in, out_channels: 2}
- {name: b, kind: lif, input: a}
- {name: c, kind: head, input: b, classes: 2}
END
expect 0 "small.h5: 4 layers, 8 weights, 4 time steps" import small.yaml --out small.h5
expect 0 "small.nir" export small.h5 --out small.nir --dt 1e-3
expect 0 "4 time steps" import small.nir --out back.h5
cmp small.h5 back.h5 || failures=$((failures + 1))
expect 0 "valid model of 4 layers" check small.h5
printf x >wrong.h5
expect 2 "wrong.h5: not a readable HDF5 file" check wrong.h5
expect 0 "9 time steps" import small.nir --out nine.h5 --timesteps 9 --dt 2e-3 --reset subtract

# The same tensors in a recurrent network: through its file, its text and NIR.
cat >loop.yaml <<END
timesteps: 4
weights: small.safetensors
layers:
- {name: in, kind: input, shape: [2, 1, 1], max_value: 7}
- {name: a, kind: conv2d, input: in, out_channels: 2}
- {name: c, kind: conv2d, input: l, input_delay_steps: 1, out_channels: 2}
- {name: s, kind: add, input: a, residual: c}
- {name: l, kind: lif, input: s}
END
expect 0 "valid network of 5 layers" check loop.yaml
expect 0 "loop.h5: 5 layers" import loop.yaml --out loop.h5
expect 0 "valid model of 5 layers" check loop.h5
expect 0 "read a time step late: c of l" info loop.h5
expect 0 "loop_back.yaml" export loop.h5 --out loop_back.yaml
expect 0 "loop_back.h5" import loop_back.yaml --out loop_back.h5
cmp loop.h5 loop_back.h5 || failures=$((failures + 1))
expect 0 "loop.nir" export loop.h5 --out loop.nir
expect 0 "6 layers" import loop.nir --out loop_nir.h5 # and a head that counts
expect 0 "read a time step late: c of l" info loop_nir.h5
sed 's/, input_delay_steps: 1//' loop.yaml >cycle.yaml
expect 2 "cycle.yaml:6:3: layers[2]: layer 'c': lies on a cycle without delay: c -> s -> l -> c" check cycle.yaml
sed 's/delay_steps: 1/delay_steps: 2/' loop.yaml >cycle.yaml
expect 2 "cycle.yaml:6:37: layers[2].input_delay_steps: expected 0..1, got 2" check cycle.yaml
expect 2 "--step" import small.nir --out bad.h5 --step fast
for number in nan inf -1 0; do
  expect 2 "dt: expected seconds above 0" import small.nir --out bad.h5 --dt=$number
  expect 2 "dt: expected seconds above 0" export small.h5 --out bad.nir --dt=$number
  expect 2 "scale" import small.nir --out bad.h5 --input-scale=$number
done
expect 2 "for NIR only" import small.yaml --out bad.h5 --dt 1
expect 2 "small.h5: expected a .nir file" import small.h5 --out bad.h5
expect 2 "bad.txt: expected a model file (.h5)" import small.nir --out bad.txt
expect 2 "none.nir: no such file" import none.nir --out bad.h5
expect 2 "bad.yaml: expected an HDF5 file (.h5)" frames "$quickstart" --out bad.yaml
sed "s|: models/|: $source_dir/examples/models/|; s|source: .*|source: hdf5\n  path: small.h5|; /split:/d" \
  "$quickstart" >events.yaml
expect 2 "./small.h5: is read, and would be lost" frames events.yaml --out ./small.h5
for out in bad.txt small.yaml; do
  expect 2 "$out: expected a table (.csv)" price chips/000* --out $out
done
expect 2 "ledger.csv: is in chips/../chips/000" price chips/../chips/000* --out "$(echo chips/000*)/ledger.csv"
expect 2 "other.csv: is in " price "$folder/$(echo chips/000*)" --out "$(echo chips/000*)/other.csv"
expect 0 "ledger     chips/other.csv" price chips/000* --out chips/other.csv
for command in "run $quickstart" "search $quickstart" "import small.nir" "export small.h5" "frames $quickstart" \
    "price chips" "sanafe small.yaml small.yaml --steps 1"; do
  # shellcheck disable=SC2086 # the words of a command
  expect 2 "--out: expected a name, got none" $command --out ""
done
for command in "check $quickstart" "info small.h5" "price $(echo chips/000*)" --help --version "search --help"; do
  got=0
  # shellcheck disable=SC2086 # the words of a command
  "$program" $command >/dev/full 2>err.txt || got=$?
  if ((got != 1)) || ! grep -q "failed: .*cannot " err.txt; then
    echo "FAILED: on a full disk $command ends with $got and says: $(cat err.txt)"
    failures=$((failures + 1))
  fi
done
expect 2 "none.h5: no such file" export none.h5 --out bad.nir
expect 2 "expected .h5, .nir, .safetensors or .yaml" export small.h5 --out bad.onnx
expect 2 "NIR has no node for 'maxpool2d'" export net.h5 --out bad.nir
expect 1 "failed: " export small.h5 --out no/folder.nir
head -c 3000 net.h5 >half.h5
expect 2 "half.h5: not a readable HDF5 file" info half.h5
expect 2 "half.h5: not a readable HDF5 file" export half.h5 --out bad.nir
printf 'PK\3\4' >pickle.h5
expect 2 "pickle.h5: a Python pickle" export pickle.h5 --out bad.nir
expect 2 "tools/export_checkpoint.py" import net.pth --out bad.h5

cat >chip.yaml <<'YAML'
architecture:
  attributes: {width: 1, height: 1, link_buffer_size: 1}
  tile:
    - name: tile
      attributes: {energy_north_hop: 0, latency_north_hop: 0, energy_east_hop: 0, latency_east_hop: 0,
        energy_south_hop: 0, latency_south_hop: 0, energy_west_hop: 0, latency_west_hop: 0}
      core:
        - name: core
          attributes: {buffer_position: soma, max_neurons_supported: 2}
          axon_in: [{name: in, attributes: {energy_message_in: 0, latency_message_in: 0}}]
          synapse: [{name: s, attributes: {model: current_based, energy_process_spike: 2e-12}}]
          dendrite: [{name: d, attributes: {model: accumulator}}]
          soma:
            - {name: lif, attributes: {model: leaky_integrate_fire, energy_access_neuron: 0,
                latency_access_neuron: 1e-9, energy_update_neuron: 0, latency_update_neuron: 0,
                energy_spike_out: 0, latency_spike_out: 0}}
          axon_out: [{name: out, attributes: {energy_message_out: 0, latency_message_out: 0}}]
YAML
cat >snn.yaml <<'YAML'
network:
  groups: [{name: g, attributes: {threshold: 1, bias: 2}, neurons: [0..1]}]
  edges: [g.0 -> g.1: {weight: 1}]
mappings: [g: {core: 0.0}]
YAML
expect 0 "results          sanafe_out" sanafe chip.yaml snn.yaml --steps 3 --out sanafe_out
if ! grep -q '"fired": 6,' sanafe_out/summary.json ||
  ! grep -q '"synaptic_events": 3,' sanafe_out/summary.json ||
  ! grep -q '^3,2,2,1,1,0,2e-09,2e-12,0,0,0,2e-12$' sanafe_out/steps.csv; then
  echo "FAILED: results of a SANA-FE run"
  sed 's/^/  | /' sanafe_out/summary.json sanafe_out/steps.csv
  failures=$((failures + 1))
fi
printf 'g 2 threshold=1 bias=2\ne 0.0->0.1 weight=1\n& 0.0@0.0\n& 0.1@0.0\n' >snn.net
expect 0 "results          netlist_out" sanafe chip.yaml snn.net --steps 3 --out netlist_out
if ! cmp -s sanafe_out/steps.csv netlist_out/steps.csv; then
  echo "FAILED: a netlist of SANA-FE runs as its network in YAML"
  failures=$((failures + 1))
fi
cp snn.yaml $'caf\xe9.yaml' # a name in Latin-1
expect 0 "results          latin_out" sanafe chip.yaml $'caf\xe9.yaml' --steps 3 --out latin_out
expect 2 "neurojoule sanafe CHIP NETWORK" check snn.yaml
expect 2 "neurojoule sanafe CHIP NETWORK" info chip.yaml
# On one processor of several there is nothing to say about the others.
taskset -c "$(taskset -cp $$ | sed 's/.*: \([0-9]*\).*/\1/')" "$program" sanafe chip.yaml snn.yaml --steps 3 \
  --timing event --out one_processor >/dev/null 2>err.txt || true
if [[ -s err.txt || ! -e one_processor/summary.json ]]; then
  echo "FAILED: sanafe on one processor says: $(cat err.txt)"
  failures=$((failures + 1))
fi
expect 2 "--steps is required" sanafe chip.yaml snn.yaml --out bad
expect 2 "--steps" sanafe chip.yaml snn.yaml --steps 0 --out bad
expect 2 "--timing" sanafe chip.yaml snn.yaml --steps 1 --timing fast --out bad
expect 2 "none.yaml: no such file" sanafe none.yaml snn.yaml --steps 1 --out bad
expect 2 "lacks the key 'network'" sanafe chip.yaml chip.yaml --steps 1 --out bad
sed 's/threshold/treshold/' snn.yaml >bent.yaml
expect 2 "bent.yaml:2:35: network.groups[0].attributes.treshold: unknown key, did you mean 'threshold'?" \
  sanafe chip.yaml bent.yaml --steps 1 --out bad
printf 'x' >file
expect 2 "cannot be created as a folder: Not a directory" \
  sanafe chip.yaml snn.yaml --steps 1 --out file/folder
# A folder in which another run writes.
mkdir taken
(
  flock 9
  expect 2 "taken: another neurojoule writes there" run "$quickstart" --out taken
  expect 2 "taken: another neurojoule writes there" search search.yaml --out taken
  expect 2 "taken: another neurojoule writes there" \
    sanafe chip.yaml snn.yaml --steps 1 --out taken
  exit "$failures"
) 9<taken || failures=$((failures + 1))

if compgen -G 'bad*' >/dev/null || compgen -G '*.partial' >/dev/null; then
  echo "FAILED: bad input left a file behind"
  failures=$((failures + 1))
fi
if [[ -e result ]]; then
  echo "FAILED: bad input left a folder behind"
  failures=$((failures + 1))
fi
echo "$failures failures"
exit $((failures > 0))
