#!/usr/bin/env python3
"""The network and the images of examples/chips_large.yaml: a Spikformer 2-256 without training.

    .venv/bin/python tools/random_spikformer.py --program build/release/app/neurojoule

writes to runs/large (`--out`)
  t10k-images-idx3-ubyte.gz, t10k-labels-idx1-ubyte.gz  images of Debian's dataset-fashion-mnist, each
      pixel four times as wide and high, for a camera of 128 x 128 pixels
  spikformer_2_256.safetensors  random weights, BatchNorm folded, all multiples of 2^-8; no classifier

Nothing is trained. What is realistic is how much the neurons fire:
BatchNorm has the statistics of the event frames that the program makes of these images, and shifts
that give the share of dense operations of trained networks (0.115 - 0.149), as in
bench/torch_compare.py. Needs the packages of tools/golden/requirements.txt.
"""

import argparse
import gzip
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools" / "golden"))

import h5py  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from presets import spikformer  # noqa: E402
from spikformer import Spikformer  # noqa: E402
from weights import fold, randomize  # noqa: E402

SOURCE = pathlib.Path("/usr/share/datasets/fashion-mnist")
SCENARIO = ROOT / "examples" / "chips_large.yaml"
ENLARGED = 4
SHIFTS = {"": (-0.7, 0.4)} | {name: (-0.5, 0.8) for name in ("q_bn", "k_bn", "v_bn")}


def write_idx(file, array):
    """Unsigned bytes, compressed without a time, so that equal content gives equal bytes."""
    header = bytes([0, 0, 8, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    file.write_bytes(gzip.compress(header + array.tobytes(), mtime=0))


def read_idx(file):
    raw = gzip.decompress(file.read_bytes())
    shape = [int.from_bytes(raw[4 + 4 * i : 8 + 4 * i], "big") for i in range(raw[3])]
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * len(shape)).reshape(shape)


def write_images(folder, count):
    images, labels = "t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"
    small = read_idx(SOURCE / images)[:count]
    write_idx(folder / images, small.repeat(ENLARGED, axis=1).repeat(ENLARGED, axis=2))
    write_idx(folder / labels, read_idx(SOURCE / labels)[:count])


def event_frames(program, folder, samples):
    """What the scenario's camera sees, `[T, N, 2, H, W]`."""
    with tempfile.TemporaryDirectory() as temporary:
        single = pathlib.Path(temporary) / "single.yaml"
        single.write_text(SCENARIO.read_text().split("\nsweep:")[0] + "\n")
        frames = pathlib.Path(temporary) / "frames.h5"
        settings = (f"dataset.path={folder.resolve()}", f"dataset.samples={samples}")
        arguments = [f"--set={setting}" for setting in settings]
        subprocess.run(
            [program, "frames", single, "--out", frames, *arguments, "--quiet"], check=True
        )
        with h5py.File(frames) as file:
            return torch.from_numpy(file["frames"][:].astype(np.float32)).transpose(0, 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", required=True, help="neurojoule")
    parser.add_argument("--out", type=pathlib.Path, default=ROOT / "runs" / "large")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    write_images(arguments.out, arguments.images)
    x = event_frames(arguments.program, arguments.out, 4)
    options = dict(spikformer())["cifar10_dvs"]
    plain, folded = (Spikformer(**options, folded=f) for f in (False, True))
    randomize(plain, x, SHIFTS, 2.0**-8, np.random.default_rng(arguments.seed))
    fold(plain, folded)
    state = {k: v for k, v in folded.state_dict().items() if not k.startswith("head.")}
    save_file(state, str(arguments.out / "spikformer_2_256.safetensors"))
    print(f"{arguments.out}: {arguments.images} images, {x.mean():.3f} events per pixel and step")


if __name__ == "__main__":
    main()
