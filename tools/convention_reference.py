#!/usr/bin/env python3
"""Print what published tools compute, for tests/energy and tests/models.

    tools/convention_reference.py

Needs qualia-plugin-snn 2.6.0 with qualia-codegen-plugin-snn, and neurobench 2.3.0. First the rows of
`lemaire`: EnergyEstimationMetric on one layer each, with given rates in place of a run. Then
`neurobench`: its hooks and metrics on a small network whose activations are given trains, a time
step to a call.
"""

import types

import torch
from neurobench.metrics.static import Footprint
from neurobench.metrics.utils.layers import single_layer_MACs
from neurobench.metrics.workload import ActivationSparsity, SynapticOperations
from neurobench.models import TorchModel
from qualia_codegen_core.graph import layers as base
from qualia_codegen_plugin_snn.graph import layers as spiking
from qualia_plugin_snn.postprocessing.EnergyEstimationMetric import EnergyEstimationMetric

STEPS = 4


def layer_of(kind, **fields):
    """A graph layer with these fields and nothing else."""
    layer = object.__new__(kind)
    layer.__dict__.update(name="layer", **fields)
    return layer


class Convolution(base.TConvLayer):
    kernel, bias = types.SimpleNamespace(size=5 * 3 * 9), types.SimpleNamespace(size=5)


class Dense(base.TDenseLayer):
    kernel, bias = types.SimpleNamespace(size=20 * 7), types.SimpleNamespace(size=7)


def convolution(bias=True):
    return layer_of(Convolution, input_shape=((1, 8, 6, 3),), output_shape=((1, 4, 3, 5),),
                    kernel_size=(3, 3), strides=(2, 2), use_bias=bias)


def dense():
    return layer_of(Dense, input_shape=((1, 20),), output_shape=((1, 7),), use_bias=True)


def lemaire(layer, rate, fired, spikes, neurons, bits, is_spiking=True):
    metric = EnergyEstimationMetric(mem_width=bits, fifo_size=0)
    readers = [] if neurons is None else [types.SimpleNamespace(layer=layer_of(neurons))]
    node = types.SimpleNamespace(layer=layer, innodes=[], outnodes=readers)
    first = types.SimpleNamespace(layer=layer_of(base.TInputLayer), innodes=[], outnodes=[node])
    both = lambda value: {"layer": value, "__TOTAL__": 0}
    access = lambda words: metric._e_ram(words, bits)
    energy = metric._compute_model_energy_snn(
        types.SimpleNamespace(nodes=[first, node]), both(rate), both(fired), both(spikes),
        both(True), both(0), both(0), both(is_spiking), STEPS, access, access)[0]
    numbers = (energy.mem_pot, energy.mem_weights, energy.mem_bias, energy.mem_io, energy.ops,
               energy.addr)
    print(type(layer).__name__, bits, "bits", rate, fired, "spikes" if spikes else "values",
          "-" if neurons is None else neurons.__name__, energy.is_sj)
    print("   ", ", ".join(f"{number:.17g}" for number in numbers))


def print_lemaire():
    lif, integrate = spiking.TLifLayer, spiking.TIfLayer
    lemaire(convolution(), 0.125, 0.25, True, lif, 32)
    lemaire(convolution(), 0.125, 0.25, True, integrate, 8)
    lemaire(convolution(False), 0.125, 0.25, True, None, 4)
    lemaire(convolution(), 0.75, 0.25, False, lif, 32)
    lemaire(convolution(), 0.75, 0.25, False, None, 8)
    lemaire(dense(), 0.125, 0.25, True, lif, 8)
    lemaire(dense(), 0.75, 0.25, False, integrate, 32)
    lemaire(dense(), 0, 0, False, None, 4, is_spiking=False)
    lemaire(convolution(), 0, 0, False, None, 32, is_spiking=False)


def pattern(shape, rule):
    """A tensor of rule(indices)."""
    values = torch.zeros(shape)
    for index in torch.cartesian_prod(*(torch.arange(n) for n in shape)):
        values[tuple(index)] = float(rule(*index.tolist()))
    return values


def weight(*index):
    """0, 1, -1 or 0.5, of the indices [out, in / groups, ky, kx] of a weight."""
    out, i, y, x = index + (0,) * (4 - len(index))
    return (0, 1, -1, 0.5)[(out * 5 + i * 3 + y * 2 + x) % 4]


def frame(step, c, y, x):
    return (c * 7 + y * 5 + x * 3 + step * 2) % (2 if step == 1 else 4)


def spike(step, c, y, x):
    return (c * 7 + y * 5 + x * 3 + step * 2) % 5 == 0


class Net(torch.nn.Module):
    """Layers that read given trains: frames [2, 5, 4], then spikes [3, 3, 2] and [6, 3, 2]."""

    def __init__(self):
        super().__init__()
        self.first = torch.nn.Conv2d(2, 3, 3, stride=2, padding=1)
        self.first_neurons = torch.nn.ReLU()
        self.second = torch.nn.Conv2d(3, 6, (3, 1), padding=(2, 0), dilation=(2, 1), groups=3)
        self.second_neurons = torch.nn.ReLU()
        self.head = torch.nn.Linear(6, 4)
        for layer in (self.first, self.second, self.head):
            layer.weight.data = pattern(layer.weight.shape, weight)
        self.trains = [pattern((3, 3, 3, 2), spike), pattern((3, 6, 3, 2), spike)]

    def forward(self, frames):
        for step in range(3):
            assert self.first(frames[step:step + 1]).shape == (1, 3, 3, 2)
            spikes = self.first_neurons(self.trains[0][step:step + 1])
            assert self.second(spikes).shape == (1, 6, 3, 2)
            self.second_neurons(self.trains[1][step:step + 1])
        return self.head(self.trains[1].mean((0, 2, 3)).unsqueeze(0))


def print_neurobench():
    model = TorchModel(Net())
    model.register_hooks()
    frames = pattern((3, 2, 5, 4), frame)
    with torch.no_grad():
        predictions = model(frames)
    for hook in model.connection_hooks:
        calls = [single_layer_MACs(inputs[0], hook.layer) for inputs in hook.inputs]
        print("neurobench", type(hook.layer).__name__, "(products, spikes) by call:", calls)
    data = (torch.zeros(1), torch.zeros(1))  # one sample
    print(SynapticOperations()(model, predictions, data))
    print("sparsity", ActivationSparsity()(model, predictions, data))
    print("footprint", Footprint()(model))


if __name__ == "__main__":
    print_lemaire()
    print_neurobench()
