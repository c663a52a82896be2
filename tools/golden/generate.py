"""Writes all files of `tests/golden/`; the same bytes each time.

python generate.py [--out FOLDER] [NAME ..]
"""

import argparse
import json
import pathlib

import h5py
import numpy as np
import torch
from safetensors.torch import save_file

from record import run
from vectors import COMMON, EVENTS, UNFOLDED, VECTORS
from weights import fold, randomize

SAMPLES = 2
REPOSITORY = pathlib.Path(__file__).resolve().parents[2]


def draw_codes(shape, steps, scale, rng):
    """Input codes: event counts `[B, T, C, H, W]`, denser around a spot, or signed images
    `[B, C, H, W]` of soft blobs with a little noise."""
    channels, height, width = shape
    y, x = np.mgrid[:height, :width]

    def spots(*count):
        """`[.., H, W]`, each with one spot."""
        cy, cx = (rng.uniform(0, size, (*count, 1, 1)) for size in (height, width))
        return np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (height * width / 8))

    if scale == EVENTS:
        rate = np.repeat(0.05 + 0.6 * spots(SAMPLES, steps, 1), channels, axis=2)
        return np.minimum(rng.poisson(rate), 7).astype(np.int16)
    blobs = spots(SAMPLES, channels, 3).sum(axis=2)
    codes = np.rint(96 * (blobs - blobs.mean()) + 4 * rng.standard_normal(blobs.shape))
    return np.clip(codes, -127, 127).astype(np.int16)


def frames(codes, steps, scale):
    """`[B, T, C, H, W]`, an image repeated."""
    x = torch.from_numpy(codes).double() * scale
    return x if x.dim() == 5 else x.unsqueeze(1).repeat(1, steps, 1, 1, 1)


def checked_run(model, x):
    """Runs in float32; float64 must give the same, so no sum of float32 was rounded."""
    single, double = run(model.float(), x.float()), run(model.double(), x)
    for a, b in zip(flat(single), flat(double)):
        assert torch.equal(a.double(), b)
    return double


def flat(result):
    logits, lifs, sums = result
    return [logits, *lifs.values(), *sums.values()]


def save_golden(path, codes, scale, logits, lifs, sums):
    packing = dict(compression="gzip", compression_opts=9, shuffle=True)
    with h5py.File(path, "w", libver=("v110", "v110")) as file:  # Debian 12 reads HDF5 1.10
        file.create_dataset("input", data=codes, **packing).attrs["scale"] = scale
        file["logits"] = logits.numpy()
        for name, spikes in lifs.items():
            group = file.create_group(f"lif/{name}")
            group.attrs["shape"] = spikes.shape[1:]
            bits = spikes.numpy().astype(bool).reshape(SAMPLES, -1)
            group.create_dataset("packed", data=np.packbits(bits, 1, bitorder="little"), **packing)
        for name, stream in sums.items():
            integers = bool((stream == stream.round()).all())
            group, unit, kind = (
                ("residual", 1, np.uint8) if integers else ("residual_q8", 256, np.int16)
            )
            values = stream.numpy() * unit
            assert (values == values.astype(kind)).all()
            file.create_dataset(f"{group}/{name}", data=values.astype(kind), **packing)


def describe(name, model, options, scale, lifs, sums):
    parts = dict(model.named_modules())
    return {
        "name": name,
        "family": type(model).__name__.lower(),
        "config": options,
        "input_scale": scale,
        "lif": [
            {
                "name": lif,
                "shape": list(spikes.shape[1:]),
                "tau": parts[lif].tau,
                "v_threshold": parts[lif].v_threshold,
                "rate": round(spikes.mean().item(), 4),
            }
            for lif, spikes in lifs.items()
        ],
        "residual": [{"name": s, "shape": list(stream.shape[1:])} for s, stream in sums.items()],
    }


def generate(name, seed, out):
    family, scale, options, shifts, head_unit = VECTORS[name]
    options = COMMON | options
    rng = np.random.default_rng(seed)
    codes = draw_codes(options["input"], options["T"], scale, rng)
    x = frames(codes, options["T"], scale)

    model = family(**options).double()
    randomize(model, x.transpose(0, 1), shifts, head_unit, rng)
    folded = family(**options, folded=True).double()
    fold(model, folded)
    logits, lifs, sums = checked_run(folded, x)
    for lif, spikes in lifs.items():
        assert 0.01 <= spikes.mean() <= 0.6, f"{name}: {lif} fires at {spikes.mean():.4f}"

    save_golden(out / f"{name}.golden.h5", codes, scale, logits, lifs, sums)
    save_file(folded.float().state_dict(), out / f"{name}.safetensors")
    if name in UNFOLDED:
        save_file(UNFOLDED[name](model.float().state_dict()), out / f"{name}_bn.safetensors")
    text = json.dumps(describe(name, folded, options, scale, lifs, sums), indent=1)
    (out / f"{name}.json").write_text(text + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=pathlib.Path, default=REPOSITORY / "tests" / "golden")
    parser.add_argument("names", nargs="*", default=list(VECTORS), metavar="NAME")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    arguments.out.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(VECTORS):
        if name in arguments.names:
            generate(name, seed, arguments.out)
            size = sum(f.stat().st_size for f in arguments.out.glob(f"{name}[._]*"))
            print(f"{name}: {size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
