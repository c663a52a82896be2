#!/usr/bin/env python3
"""Turn a PyTorch checkpoint (.pt, .pth) into safetensors: the weights, and nothing else.

    tools/export_checkpoint.py CHECKPOINT.pth OUT.safetensors [--key state_dict]

CHECKPOINT holds a state dict, or a dict in which one of `model`, `state_dict`, `model_state_dict` is
one; --key names another (`ema.model` for one inside another). Names stay as they are. Real numbers
become float32, integers (num_batches_tracked) int64. Whatever is left out is printed.

The file is read with weights_only=True: nothing in it is run. One that needs more (a pickled module,
numpy scalars) is refused; of foreign classes only argparse.Namespace, in which training scripts keep
their options, is let through and left out.

Exit status: 0 written, 1 refused (nothing is written), 2 wrong usage.
"""

import argparse
import os
import pathlib
import re
import sys
import warnings

import torch
from safetensors.torch import save_file

KEYS = ("model", "state_dict", "model_state_dict")


class Refusal(Exception):
    """Why a checkpoint is not exported."""


def load(path):
    """What is in the file, on the CPU."""
    allow = getattr(torch.serialization, "add_safe_globals", None)
    if allow:
        allow([argparse.Namespace])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what matters becomes a refusal
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError as error:
        raise Refusal(error.strerror or str(error)) from error
    except Exception as error:  # pylint: disable=broad-except  # torch.load raises many kinds
        text = str(error)
        needed = re.search(r"GLOBAL (\S+)", text)
        if needed:
            raise Refusal(
                f"needs the class or function {needed.group(1)}, which could run any code; save the "
                "weights alone: torch.save(model.state_dict(), FILE)"
            ) from error
        if "TorchScript" in text:
            raise Refusal(
                "is a TorchScript archive; save the weights alone: "
                "torch.save(torch.jit.load(FILE).state_dict(), FILE)"
            ) from error
        first = text.strip().splitlines()[0] if text.strip() else "no details"
        raise Refusal(
            f"is no PyTorch checkpoint, or damaged ({type(error).__name__}: {first[:120]})"
        ) from error


def describe(value):
    """A value in a few words."""
    if isinstance(value, torch.Tensor):
        return f"tensor {list(value.shape)} of {str(value.dtype).removeprefix('torch.')}"
    if isinstance(value, (dict, list, tuple)):
        return f"{type(value).__name__} of {len(value)}"
    if isinstance(value, (int, float, str, bool)):
        return repr(value)[:60]
    return type(value).__name__


def tensors_of(value):
    """The named tensors of a dict, or nothing."""
    if not isinstance(value, dict):
        return {}
    return {k: v for k, v in value.items() if isinstance(k, str) and isinstance(v, torch.Tensor)}


def choose(content):
    """The key of the state dict; empty when `content` is one itself."""
    keys = [key for key in KEYS if isinstance(content, dict) and tensors_of(content.get(key))]
    if len(keys) > 1:
        raise Refusal(f"has {' and '.join(keys)}; say which with --key")
    if keys:
        return keys[0]
    if tensors_of(content):
        return ""
    inside = (
        ", ".join(f"{key} ({describe(value)})" for key, value in content.items())
        if isinstance(content, dict)
        else describe(content)
    )
    raise Refusal(f"has no state dict under {', '.join(KEYS)}; it holds: {inside or 'nothing'}")


def descend(content, key):
    """The value under a key, or under `a.b` for one inside another, and what lies beside it."""
    if not isinstance(content, dict):
        raise Refusal(f"has no '{key}': {describe(content)} is no dict")
    heads = [key] + [key[: dot.start()] for dot in re.finditer(r"\.", key)]
    head = next((head for head in heads if head in content), None)
    if head is None:
        raise Refusal(f"has no '{key}'; it holds: {', '.join(map(str, content))}")
    beside = {name: value for name, value in content.items() if name != head}
    if head == key:
        return content[head], beside
    inner, inner_beside = descend(content[head], key[len(head) + 1 :])
    beside.update({f"{head}.{name}": value for name, value in inner_beside.items()})
    return inner, beside


def convert(name, tensor, rounded):
    """A tensor as float32 or int64, contiguous and with memory of its own."""
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_complex():
        raise Refusal(f"{name}: {describe(tensor)} of layout {tensor.layout} cannot be exported")
    if not tensor.is_floating_point():
        return tensor.detach().to(torch.int64).contiguous().clone()
    result = tensor.detach().to(torch.float32).contiguous().clone()
    if not torch.isfinite(result).all():
        raise Refusal(f"{name}: holds NaN, infinity or a value beyond float32")
    if not torch.equal(result.to(tensor.dtype), tensor.detach()):
        rounded.append(name)
    return result


def export(source, target, key):
    """Writes the file; returns lines about what it did."""
    content = load(source)
    key = choose(content) if key is None else key
    state, left = descend(content, key) if key else (content, {})
    tensors = tensors_of(state)
    if not tensors:
        raise Refusal(f"'{key}' is no state dict: {describe(state)}")
    prefix = f"{key}." if key else ""
    left.update({f"{prefix}{k}": v for k, v in state.items() if k not in tensors})
    rounded = []
    converted = {name: convert(name, tensor, rounded) for name, tensor in tensors.items()}
    partial = target.with_name(target.name + ".partial")
    try:
        save_file(converted, partial, metadata={"format": "pt"})
        os.replace(partial, target)
    except OSError as error:
        raise Refusal(f"cannot write {target}: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)
    lines = [f"left out: {name}: {describe(value)}" for name, value in left.items()]
    lines += [f"rounded to float32: {name}" for name in rounded]
    elements = sum(tensor.numel() for tensor in converted.values())
    where = f"'{key}'" if key else "the file itself"
    lines.append(f"{target}: {len(converted)} tensors, {elements} values, from {where}")
    return lines


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("checkpoint", type=pathlib.Path, help=".pt or .pth file")
    parser.add_argument("out", type=pathlib.Path, help="safetensors file to write")
    parser.add_argument("--key", help=f"where the state dict is (default: one of {', '.join(KEYS)})")
    options = parser.parse_args(arguments)
    try:
        print("\n".join(export(options.checkpoint, options.out, options.key)))
    except Refusal as reason:
        print(f"{options.checkpoint}: {reason}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
