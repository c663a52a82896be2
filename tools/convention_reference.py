#!/usr/bin/env python3
"""Print what published tools compute, for tests/energy.

    tools/convention_reference.py

Needs qualia-plugin-snn 2.6.0 with qualia-codegen-plugin-snn. Rows of `lemaire`:
EnergyEstimationMetric on one layer each, with given rates in place of a run.
"""

import types

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


if __name__ == "__main__":
    print_lemaire()
