#!/usr/bin/env python3
"""Make tests/golden/nir: NIR networks, inputs, and what they do, computed without our code.

    tools/nir_reference.py [--braille FOLDER] [--out tests/golden/nir]

Needs nir, torch, h5py. Each network is written by the `nir` package and run here by hand-written
programs in float64: the order of nodes and the delayed edges stand in each program, convolution and
pooling are torch's, and the exact step of a neuron is the matrix exponential of its linear system.
The two Braille nets of the NIR paper (FOLDER, e.g. ../shared/data/nir) run as snnTorch runs them:
syn = alpha syn + x + rec(spk), mem = beta mem + syn, spk = mem > 1, then reset to zero or by
subtraction in the same step, as their file names say; their weights are not copied, only input and
output. A run in which a potential comes within 1e-9 of its threshold is refused, so spikes must be
equal and potentials equal to rounding.
"""

import argparse
import pathlib
import sys

import h5py
import nir
import numpy as np
import torch
from torch.nn import functional

MARGIN = 1e-9
LIBVER = ("earliest", "v110")  # Debian 12 reads HDF5 1.10
torch.set_default_dtype(torch.float64)


def tensor(values):
    return torch.tensor(np.asarray(values, dtype=np.float64))


class Neuron:
    """One NIR neuron node; state starts at zero."""

    def __init__(self, node, dt, step, reset="to_value", current="updated"):
        self.node, self.dt, self.step_kind = node, dt, step
        self.reset, self.current = reset, current
        self.kind = type(node).__name__
        self.v = torch.zeros(node.r.shape)
        self.i = torch.zeros(node.r.shape)

    def get(self, name):
        return tensor(getattr(self.node, name))

    def system(self):
        """A, B of d(v, i)/dt = A (v, i) + B (1, x), by neuron."""
        n = self.v.numel()
        a, b = torch.zeros(n, 2, 2), torch.zeros(n, 2, 2)
        r = self.get("r").flatten()
        if self.kind in ("I", "IF"):
            b[:, 0, 1] = r
        elif self.kind in ("LI", "LIF"):
            tau = self.get("tau").flatten()
            a[:, 0, 0], b[:, 0, 0], b[:, 0, 1] = -1 / tau, self.get("v_leak").flatten() / tau, r / tau
        else:
            tau, syn = self.get("tau_mem").flatten(), self.get("tau_syn").flatten()
            a[:, 0, 0], a[:, 0, 1], a[:, 1, 1] = -1 / tau, r / tau, -1 / syn
            b[:, 0, 0], b[:, 1, 1] = self.get("v_leak").flatten() / tau, self.get("w_in").flatten() / syn
        return a, b

    def step(self, x):
        x = x.reshape(self.v.shape)
        a, b = self.system()
        state = torch.stack([self.v.flatten(), self.i.flatten()], dim=1)
        drive = torch.stack([torch.ones(self.v.numel()), x.flatten()], dim=1)
        constant = (b @ drive[:, :, None])[:, :, 0]
        if self.step_kind == "exponential":
            # d/dt (state, 1) = [[A, constant], [0, 0]] (state, 1)
            whole = torch.zeros(self.v.numel(), 3, 3)
            whole[:, :2, :2], whole[:, :2, 2] = a, constant
            flow = torch.linalg.matrix_exp(whole * self.dt)
            new = (flow[:, :2, :2] @ state[:, :, None])[:, :, 0] + flow[:, :2, 2]
        else:
            new = state + self.dt * ((a @ state[:, :, None])[:, :, 0] + constant)
            if self.kind.startswith("Cuba") and self.current == "updated":
                mixed = torch.stack([state[:, 0], new[:, 1]], dim=1)
                new[:, 0] = (state + self.dt * ((a @ mixed[:, :, None])[:, :, 0] + constant))[:, 0]
        self.v, self.i = new[:, 0].reshape(self.v.shape), new[:, 1].reshape(self.v.shape)
        if not self.kind.endswith("F"):
            return self.v
        threshold = self.get("v_threshold")
        if (self.v - threshold).abs().min() < MARGIN:
            sys.exit("a potential is too near its threshold: take another seed")
        spikes = (self.v > threshold).to(self.v.dtype)
        jump = self.v - self.get("v_reset") if self.reset == "to_value" else (
            threshold - self.get("v_reset"))
        self.v = self.v - spikes * jump
        return spikes


def convolution(node, x):
    weight, bias = tensor(node.weight), tensor(node.bias)
    call = functional.conv1d if weight.dim() == 3 else functional.conv2d
    as_torch = [v if isinstance(v, str) else np.asarray(v).tolist() for v in (
        node.stride, node.padding, node.dilation)]
    return call(x[None], weight, bias, *as_torch, int(node.groups))[0]


def pool(node, x):
    kernel, stride, padding = (np.asarray(v).tolist() for v in (
        node.kernel_size, node.stride, node.padding))
    mean = functional.avg_pool2d(x[None], kernel, stride, padding, count_include_pad=True)[0]
    return mean * (kernel[0] * kernel[1]) if isinstance(node, nir.SumPool2d) else mean


def affine(node, x):
    y = tensor(node.weight) @ x.flatten()
    return y + tensor(node.bias) if isinstance(node, nir.Affine) else y


class Case:
    """A network with its program: `step(state, x)` gives {node: value} for one time step."""

    def __init__(self, name, graph, dt, inputs, program):
        self.name, self.graph, self.dt, self.inputs, self.program = name, graph, dt, inputs, program


RUNS = [
    ("euler", "to_value", "updated"),
    ("euler", "subtract", "previous"),
    ("exponential", "to_value", "updated"),
    ("exponential", "subtract", "updated"),
]


def uniform(random, low, high, *shape):
    return random.uniform(low, high, size=shape)


def neurons(random, kind, shape, seconds):
    fields = {"r": uniform(random, 0.8, 1.2, *shape)}
    if kind in (nir.LI, nir.LIF):
        fields["tau"] = uniform(random, 3 * seconds, 9 * seconds, *shape)
    if kind in (nir.CubaLI, nir.CubaLIF):
        fields["tau_mem"] = uniform(random, 3 * seconds, 9 * seconds, *shape)
        fields["tau_syn"] = uniform(random, 2 * seconds, 6 * seconds, *shape)
        fields["tau_syn"].flat[0] = fields["tau_mem"].flat[0]  # the degenerate system
        fields["w_in"] = uniform(random, 2.0, 4.0, *shape)
    if kind is nir.IF:
        fields["r"] /= seconds
    if kind is not nir.IF:
        fields["v_leak"] = uniform(random, -0.1, 0.1, *shape)
    if kind in (nir.IF, nir.LIF, nir.CubaLIF):
        fields["v_threshold"] = uniform(random, 0.3, 0.6, *shape)
        fields["v_reset"] = uniform(random, -0.1, 0.1, *shape)
    return kind(**fields)


def convolutional():
    """Input -> Conv2d -> IF -> SumPool2d -> Conv2d (same) -> LIF -> AvgPool2d -> Flatten -> Affine
    -> CubaLIF -> Output."""
    random, dt = np.random.default_rng(11), 1e-3
    nodes = {
        "input": nir.Input(np.array([2, 7, 9])),
        "conv1": nir.Conv2d((7, 9), random.normal(size=(4, 1, 3, 2)), (1, 2), (1, 1), (2, 1), 2,
                            random.normal(size=4) * 0.2),
        "if": neurons(random, nir.IF, (4, 5, 5), dt),
        "sum": nir.SumPool2d(np.array([2, 3]), np.array([2, 1]), np.array([1, 1])),
        "conv2": nir.Conv2d((3, 5), random.normal(size=(3, 4, 2, 3)) * 0.4, 1, "same", (1, 2), 1,
                            random.normal(size=3) * 0.2),
        "lif": neurons(random, nir.LIF, (3, 3, 5), dt),
        "mean": nir.AvgPool2d(np.array([2, 2]), np.array([1, 2]), np.array([1, 0])),
        "flat": nir.Flatten(np.array([3, 4, 2]), 0, -1),
        "fc": nir.Affine(random.normal(size=(5, 24)), random.normal(size=5) * 0.2),
        "cuba": neurons(random, nir.CubaLIF, (5,), dt),
        "output": nir.Output(np.array([5])),
    }
    names = list(nodes)
    # The package's own shape inference knows neither groups nor kernels that are not square.
    graph = nir.NIRGraph(nodes, list(zip(names, names[1:])), type_check=False)

    def program(options):
        cells = {n: Neuron(nodes[n], dt, *options) for n in ("if", "lif", "cuba")}

        def step(x):
            values = {"conv1": convolution(nodes["conv1"], x.reshape(2, 7, 9))}
            values["if"] = cells["if"].step(values["conv1"])
            values["sum"] = pool(nodes["sum"], values["if"])
            values["conv2"] = convolution(nodes["conv2"], values["sum"])
            values["lif"] = cells["lif"].step(values["conv2"])
            values["mean"] = pool(nodes["mean"], values["lif"])
            values["fc"] = affine(nodes["fc"], values["mean"])
            values["cuba"] = values["output"] = cells["cuba"].step(values["fc"])
            return values, cells

        return step

    inputs = (random.random((40, 126)) < 0.3).astype(np.float64)
    return Case("convolutional", graph, dt, inputs, program)


def line():
    """Input -> Conv1d -> CubaLI -> Threshold -> Scale -> I -> LI -> Output, and a Delay beside
    the Scale."""
    random, dt = np.random.default_rng(12), 2e-3
    nodes = {
        "input": nir.Input(np.array([2, 11])),
        "conv": nir.Conv1d(11, random.normal(size=(2, 2, 3)), 2, 2, 2, 1, random.normal(size=2)),
        "cuba": neurons(random, nir.CubaLI, (2, 6), dt),
        "threshold": nir.Threshold(uniform(random, -0.2, 0.4, 2, 6)),
        "delay": nir.Delay(dt * random.integers(0, 5, size=(2, 6))),
        "scale": nir.Scale(random.normal(size=(2, 6))),
        "i": nir.I(uniform(random, 5, 20, 2, 6)),
        "li": neurons(random, nir.LI, (2, 6), dt),
        "output": nir.Output(np.array([2, 6])),
    }
    graph = nir.NIRGraph(nodes, [("input", "conv"), ("conv", "cuba"), ("cuba", "threshold"),
                                 ("threshold", "delay"), ("delay", "scale"), ("threshold", "scale"),
                                 ("scale", "i"), ("i", "li"), ("li", "output")])
    steps = np.round(nodes["delay"].delay / dt).astype(int)

    def program(options):
        cells = {n: Neuron(nodes[n], dt, *options) for n in ("cuba", "i", "li")}
        history = []

        def step(x):
            values = {"conv": convolution(nodes["conv"], x.reshape(2, 11))}
            values["cuba"] = cells["cuba"].step(values["conv"])
            above = (values["cuba"] > tensor(nodes["threshold"].threshold)).to(torch.float64)
            values["threshold"] = above
            history.append(above.flatten())
            values["delay"] = torch.stack([
                history[-1 - d][k] if d < len(history) else torch.zeros(())
                for k, d in enumerate(steps.flatten())]).reshape(2, 6)
            values["scale"] = tensor(nodes["scale"].scale) * (above + values["delay"])
            values["i"] = cells["i"].step(values["scale"])
            values["li"] = values["output"] = cells["li"].step(values["i"])
            return values, cells

        return step

    return Case("line", graph, dt, random.normal(size=(30, 22)), program)


def recurrent():
    """Two populations with own recurrence, feedback from the second to the first, and a loop
    through a Delay; the second population is a subgraph."""
    random, dt = np.random.default_rng(13), 1e-3
    inner = nir.NIRGraph(
        {"in": nir.Input(np.array([4])), "lif": neurons(random, nir.LIF, (4,), dt),
         "rec": nir.Affine(random.normal(size=(4, 4)), random.normal(size=4) * 0.3),
         "out": nir.Output(np.array([4]))},
        [("in", "lif"), ("lif", "rec"), ("rec", "lif"), ("lif", "out")])
    nodes = {
        "input": nir.Input(np.array([3])),
        "fc1": nir.Affine(random.normal(size=(6, 3)), random.normal(size=6) * 0.3),
        "lif1": neurons(random, nir.CubaLIF, (6,), dt),
        "rec1": nir.Affine(random.normal(size=(6, 6)), random.normal(size=6) * 0.3),
        "delay": nir.Delay(dt * np.array([1, 2, 3, 1, 2, 3])),
        "echo": nir.Linear(random.normal(size=(6, 6))),
        "fc2": nir.Linear(random.normal(size=(4, 6))),
        "sub": inner,
        "back": nir.Linear(random.normal(size=(6, 4))),
        "output": nir.Output(np.array([4])),
    }
    graph = nir.NIRGraph(nodes, [
        ("input", "fc1"), ("fc1", "lif1"), ("lif1", "rec1"), ("rec1", "lif1"), ("lif1", "delay"),
        ("delay", "echo"), ("echo", "lif1"), ("lif1", "fc2"), ("fc2", "sub"), ("sub", "back"),
        ("back", "lif1"), ("sub", "output")])

    def program(options):
        cells = {"lif1": Neuron(nodes["lif1"], dt, *options),
                 "sub/lif": Neuron(inner.nodes["lif"], dt, *options)}
        history, last = [], {"lif1": torch.zeros(6), "sub/lif": torch.zeros(4)}

        def step(x):
            values = {"fc1": affine(nodes["fc1"], x), "rec1": affine(nodes["rec1"], last["lif1"]),
                      "back": affine(nodes["back"], last["sub/lif"]),
                      "sub/rec": affine(inner.nodes["rec"], last["sub/lif"])}
            values["delay"] = torch.stack([
                history[-d][k] if d <= len(history) else torch.zeros(())
                for k, d in enumerate([1, 2, 3, 1, 2, 3])])
            values["echo"] = affine(nodes["echo"], values["delay"])
            values["lif1"] = cells["lif1"].step(
                values["fc1"] + values["rec1"] + values["echo"] + values["back"])
            history.append(values["lif1"])
            values["fc2"] = affine(nodes["fc2"], values["lif1"])
            values["sub/lif"] = values["output"] = cells["sub/lif"].step(
                values["fc2"] + values["sub/rec"])
            last.update(values)
            return values, cells

        return step

    return Case("recurrent", graph, dt, (random.random((60, 3)) < 0.5).astype(np.float64), program)


def write_case(case, folder):
    """Spikes of every step as bytes; of potentials and other values the last step, where all errors
    have gathered; of the output every step."""
    nir.write(folder / f"{case.name}.nir", case.graph, compression=None)
    with h5py.File(folder / f"{case.name}.golden.h5", "w", libver=LIBVER) as file:
        put(file, "input", case.inputs)
        for step, reset, current in RUNS:
            run = case.program((step, reset, current))
            records = {}
            for x in tensor(case.inputs):
                values, cells = run(x)
                for name, value in values.items():
                    records.setdefault(name, []).append(value.flatten().clone())
            group = f"{step}/{reset}/{current}"
            fired = {}
            for name, rows in records.items():
                values = torch.stack(rows).numpy()
                cell = cells.get(name)
                if cell is not None and cell.kind.endswith("F"):
                    fired[name] = int(values.sum())
                    put(file, f"{group}/spikes/{name}", values)
                elif name == "output":
                    put(file, f"{group}/output", values)
                else:
                    put(file, f"{group}/last/{name}", values[-1])
                if cell is not None:
                    put(file, f"{group}/potential/{name}", cell.v.flatten().numpy())
            print(f"{case.name} {group}: spikes {fired}")


def put(file, name, values):
    if np.array_equal(values, values.astype(np.uint8)):
        values = values.astype(np.uint8)
    file.create_dataset(name, data=values, track_times=False)


def braille(source, folder):
    """The nets of the NIR paper as snnTorch would run them, with dt = 1e-4 s."""
    dt, steps = 1e-4, 256
    for name, reset in (("braille_noDelay_bias_zero", "to_value"),
                        ("braille_noDelay_noBias_subtract", "subtract")):
        nodes = nir.read(source / f"{name}.nir").nodes
        random = np.random.default_rng(14)
        rates = np.where(random.random(12) < 0.5, 0.6, 0.02)  # taxels that are touched, or not
        inputs = (random.random((steps, 12)) < rates).astype(np.uint8)
        first, second = nodes["lif1.lif"], nodes["lif2"]
        alpha1, beta1 = (1 - dt / tensor(t) for t in (first.tau_syn, first.tau_mem))
        alpha2, beta2 = (1 - dt / tensor(t) for t in (second.tau_syn, second.tau_mem))
        # snnTorch adds input and current as they are: w_in and r only undo dt / tau.
        for node in (first, second):
            assert np.allclose(node.w_in * dt / node.tau_syn, 1, atol=1e-6)
            assert np.allclose(node.r * dt / node.tau_mem, 1, atol=1e-6)
            assert np.all(node.v_leak == 0) and np.all(node.v_threshold == 1)
        hidden, out, margin = [], [], 1.0
        spk1 = syn1 = mem1 = torch.zeros(first.r.shape)
        syn2 = mem2 = torch.zeros(second.r.shape)
        for x in tensor(inputs):
            syn1 = alpha1 * syn1 + affine(nodes["fc1"], x) + affine(nodes["lif1.w_rec"], spk1)
            mem1 = beta1 * mem1 + syn1
            spk1 = (mem1 > 1).to(torch.float64)
            syn2 = alpha2 * syn2 + affine(nodes["fc2"], spk1)
            mem2 = beta2 * mem2 + syn2
            spk2 = (mem2 > 1).to(torch.float64)
            margin = min(margin, float((mem1 - 1).abs().min()), float((mem2 - 1).abs().min()))
            mem1 = mem1 * (1 - spk1) if reset == "to_value" else mem1 - spk1
            mem2 = mem2 * (1 - spk2) if reset == "to_value" else mem2 - spk2
            hidden.append(spk1)
            out.append(spk2)
        print(f"{name}: {int(sum(h.sum() for h in hidden))} hidden spikes, "
              f"{int(sum(o.sum() for o in out))} output spikes, nearest potential {margin:.1e}")
        with h5py.File(folder / f"{name}.golden.h5", "w", libver=LIBVER) as file:
            for key, values in (("input", inputs), ("lif1.lif", torch.stack(hidden).numpy()),
                                ("lif2", torch.stack(out).numpy())):
                put(file, key, values)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--braille", type=pathlib.Path)
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("tests/golden/nir"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for case in (convolutional(), line(), recurrent()):
        write_case(case, options.out)
    if options.braille:
        braille(options.braille, options.out)


if __name__ == "__main__":
    main()
