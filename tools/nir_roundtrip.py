#!/usr/bin/env python3
"""Check our NIR files against the `nir` package (pip install nir==1.0.8).

    tools/nir_roundtrip.py build/dev/tests/models/nir_copy [--files FOLDER] [--graphs 60]

`nir_copy IN OUT` reads a file with our reader and writes it with our writer. Three questions, each
answered by comparing what `nir.read` makes of both files, field by field, with element types:
  1. graphs that the package wrote (every node type, cycles, subgraphs, metadata, random extents);
  2. the *.nir files of FOLDER, where there are any;
  3. a graph that we wrote: the package reads it, writes it, and we read that again.
Exit status: 0 all equal, 1 a difference, 77 no package `nir` (skipped).
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

try:
    import nir
    import numpy as np
except ImportError as error:
    print(f"skipped: {error}")
    sys.exit(77)

SEED = 1


class Maker:
    """Random graphs, every node type in each."""

    def __init__(self, seed):
        self.random = np.random.default_rng(seed)

    def array(self, *shape):
        values = self.random.normal(size=shape)
        kind = self.random.integers(4)
        if kind == 0:
            return np.round(values * 10).astype(np.int64)
        return values.astype(np.float32) if kind < 3 else values

    def extents(self, low=1):
        return np.array([self.random.integers(low, 4), self.random.integers(low, 4)])

    def neurons(self, kind, size, *fields):
        dtype = np.float32 if self.random.integers(2) else np.float64
        values = {f: self.random.uniform(0.1, 2.0, size=size).astype(dtype) for f in fields}
        return kind(**values)

    def padding(self, rank):
        choice = self.random.integers(3)
        if choice < 2:
            return ("same", "valid")[choice]
        return 1 if rank == 1 else (1, 2)

    def conv(self, rank):
        groups = int(self.random.integers(1, 3))
        shape = (2 * groups, 3) + tuple(int(n) for n in self.random.integers(1, 4, size=rank))
        common = {"weight": self.array(*shape), "bias": self.array(2 * groups), "groups": groups}
        if rank == 1:
            return nir.Conv1d(input_shape=9, stride=2, dilation=1, padding=self.padding(1), **common)
        return nir.Conv2d(
            input_shape=(8, 9), stride=(1, 2), dilation=2, padding=self.padding(2), **common
        )

    def nodes(self):
        size = tuple(int(n) for n in self.random.integers(1, 4, size=self.random.integers(1, 4)))
        lif = ("tau", "r", "v_leak", "v_threshold")
        cuba = ("tau_syn", "tau_mem", "r", "v_leak")
        return {
            "Input": nir.Input(np.array(size)),
            "Output": nir.Output(np.array(size)),
            "Affine": nir.Affine(self.array(4, 3), self.array(4)),
            "Linear": nir.Linear(self.array(40, 30)),
            "Scale": nir.Scale(self.array(*size)),
            "Conv1d": self.conv(1),
            "Conv2d": self.conv(2),
            "AvgPool2d": nir.AvgPool2d(self.extents(), self.extents(), self.extents(0)),
            "SumPool2d": nir.SumPool2d(self.extents(), self.extents(), self.extents(0)),
            "Flatten": nir.Flatten(np.array([2, 3, 4]), start_dim=0, end_dim=1),
            "Delay": nir.Delay(self.array(*size)),
            "Threshold": nir.Threshold(self.array(*size)),
            "I": nir.I(self.array(*size)),
            "IF": self.neurons(nir.IF, size, "r", "v_threshold"),
            "LI": self.neurons(nir.LI, size, "tau", "r", "v_leak"),
            "LIF": self.neurons(nir.LIF, size, *lif, "v_reset"),
            "LIF.plain": self.neurons(nir.LIF, size, *lif),
            "CubaLI": self.neurons(nir.CubaLI, size, *cuba, "w_in"),
            "CubaLIF": self.neurons(nir.CubaLIF, size, *cuba, "v_threshold", "v_reset", "w_in"),
            "CubaLIF.plain": self.neurons(nir.CubaLIF, size, *cuba, "v_threshold"),
        }

    def metadata(self):
        return {
            "text": "\u00b5V",
            "number": 2,
            "real": 0.5,
            "flag": np.array([True, False]),
            "data": self.array(3, 2),
            "nested": {"deeper": {"text": "x"}, "list": np.arange(2000)},
        }

    def graph(self, with_subgraph=True):
        nodes = self.nodes()
        for node in nodes.values():
            if self.random.integers(2):
                node.metadata = self.metadata()
        if with_subgraph:
            inner = {"in": nir.Input(np.array([2])), "lif": self.neurons(
                nir.IF, (2,), "r", "v_threshold"), "out": nir.Output(np.array([2]))}
            edges = [("in", "lif"), ("lif", "lif"), ("lif", "out")]
            nodes["NIRGraph"] = nir.NIRGraph(inner, edges, metadata={"a": 1})
        names = list(nodes)
        count = int(self.random.integers(0, 40))
        pairs = self.random.integers(len(names), size=(count, 2))
        edges = list(dict.fromkeys((names[a], names[b]) for a, b in pairs))
        return nir.NIRGraph(nodes, edges, metadata=self.metadata(), type_check=False)


def difference(a, b, path=""):
    """The first difference of two `to_dict` values, or None."""
    if isinstance(a, dict) and isinstance(b, dict):
        if a.keys() != b.keys():
            return f"{path}: keys {sorted(a)} and {sorted(b)}"
        found = (difference(a[key], b[key], f"{path}/{key}") for key in a)
        return next((text for text in found if text), None)
    x, y = np.asarray(a), np.asarray(b)
    if x.shape != y.shape or x.dtype != y.dtype or not np.array_equal(x, y):
        return f"{path}: {x.dtype} {x.shape} {a!r} and {y.dtype} {y.shape} {b!r}"
    return None


def load(file):
    return nir.read(file, type_check=False).to_dict()


def copy(program, source, target):
    subprocess.run([program, source, target], check=True)


def check(name, expected, got):
    text = difference(load(expected), load(got))
    if text:
        print(f"{name}: {text}")
    return text is None


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("nir_copy")
    parser.add_argument("--files", type=pathlib.Path)
    parser.add_argument("--graphs", type=int, default=60)
    options = parser.parse_args()
    good = True
    with tempfile.TemporaryDirectory() as folder:
        ours, theirs = f"{folder}/ours.nir", f"{folder}/theirs.nir"
        maker = Maker(SEED)
        for index in range(options.graphs):
            nir.write(theirs, maker.graph())
            copy(options.nir_copy, theirs, ours)
            good = check(f"graph {index}", theirs, ours) and good
        print(f"{options.graphs} graphs of the package through our reader and writer")

        files = sorted(options.files.glob("*.nir")) if options.files else []
        for file in files:
            copy(options.nir_copy, file, ours)
            good = check(file.name, file, ours) and good
        print(f"{len(files)} files" if files else f"skipped: no *.nir files in {options.files}")

        copy(options.nir_copy, "--example", ours)
        nir.write(theirs, nir.read(ours, type_check=False))
        good = check("example, written by the package", ours, theirs) and good
        copy(options.nir_copy, theirs, f"{folder}/again.nir")
        good = check("example, read again", ours, f"{folder}/again.nir") and good
        print("our example through the package and back")
    print("all equal" if good else "DIFFERENCES")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
