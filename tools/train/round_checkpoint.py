"""Folds BatchNorm into the convolutions and rounds to multiples of 2^-8.

With such weights and the small integers of spikes and residual streams, float32 arithmetic is exact
up to the logits: every program must find the same spikes, whatever its order of summation.
"""

import argparse

import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

BN_EPS = 1e-5


def fold(weights):
    """Weights without BatchNorm: w' = w g / s, b' = (b - mean) g / s + beta, s = sqrt(var + eps)."""
    folded = {}
    for name, value in weights.items():
        part, _, kind = name.rpartition(".")
        if part.startswith("head"):
            folded[name] = value
        if "_conv" not in part or kind != "weight":
            continue
        bn = part.replace("_conv", "_bn")
        scale = weights[bn + ".weight"].double()
        scale = scale / (weights[bn + ".running_var"].double() + BN_EPS).sqrt()
        old_bias = weights.get(part + ".bias", torch.zeros(len(scale))).double()
        shape = [-1] + [1] * (value.dim() - 1)
        folded[name] = value.double() * scale.view(shape)
        shift = (old_bias - weights[bn + ".running_mean"].double()) * scale
        folded[part + ".bias"] = shift + weights[bn + ".bias"].double()
    return folded


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", help="safetensors of train.py")
    parser.add_argument("out", help="safetensors without BatchNorm tensors")
    parser.add_argument("--fraction-bits", type=int, default=8)
    args = parser.parse_args()
    with safe_open(args.checkpoint, "pt") as file:
        notes = file.metadata()
    notes.pop("test_accuracy", None)
    notes |= {"folded": "true", "fraction_bits": str(args.fraction_bits)}
    step = 2.0**args.fraction_bits
    # torch.round rounds halves to even.
    rounded = {
        name: (torch.round(value.double() * step) / step).float().contiguous()
        for name, value in fold(load_file(args.checkpoint)).items()
    }
    save_file(rounded, args.out, notes)
    largest = max(value.abs().max().item() for value in rounded.values())
    print(f"{args.out}: {len(rounded)} tensors, largest value {largest}")


if __name__ == "__main__":
    main()
