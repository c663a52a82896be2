"""Time per sample of a spiking transformer: PyTorch's dense forward against the executor.

    python bench/torch_compare.py --timer build/bench/bench/sample_timer [CASE ...]

Both run the same folded network (random weights, neurons alive) on the same inputs and the same
cores, one after the other; each figure is the best of five passes. PyTorch runs the models of
tools/golden in inference mode, float32, with its own BLAS. Inputs of event forms are events of
images of Debian's dataset-fashion-mnist that move in a circle, or noise; each row says which share
of the dense operations spikes cause, and the mean firing rate. `--density` adds the executor's time
at noise of other densities. Needs the packages of tools/golden/requirements.txt.
"""

import argparse
import gzip
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools" / "golden"))

import h5py  # noqa: E402
import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from presets import spikformer  # noqa: E402
from spikformer import Spikformer  # noqa: E402
from weights import fold, randomize  # noqa: E402

IMAGES = pathlib.Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")

# Preset, batches, input, and BatchNorm shifts. Trained event networks have densities of 0.115 -
# 0.149: the first case has that share of dense operations, the second that firing rate, where
# pooling and the residual stream make inputs about three times denser. The 8-512 does as many
# operations as Spikformer's Table 2 says of the trained one, 11.09 G.
QUIET = {name: (-0.5, 0.8) for name in ("q_bn", "k_bn", "v_bn")}
CASES = {
    "spikformer_2_256": ("cifar10_dvs", (1, 16), "images", {"": (-0.7, 0.4)} | QUIET),
    "spikformer_2_256_dense": ("cifar10_dvs", (1, 16), "noise", {}),
    "spikformer_8_512": ("imagenet_8_512", (1,), "noise", {"": (-0.85, 0.55)} | QUIET),
    "spikformer_8_768": ("imagenet_8_768", (1,), "noise", {"": (-0.85, 0.55)} | QUIET),
}


def events_of_images(steps, side, count):
    """ON and OFF events `[N, T, 2, side, side]` of images that move in a circle, four times as large
    as in the file, at a threshold of 0.25 in ln(0.1 + 0.9 intensity)."""
    raw = gzip.decompress(IMAGES.read_bytes())
    images = np.frombuffer(raw, np.uint8, offset=16).reshape(-1, 28, 28)[:count] / 255
    images = images.repeat(4, axis=1).repeat(4, axis=2)
    radius, size = (side - images.shape[1]) // 2, images.shape[1]

    def brightness(time):
        angle = 2 * np.pi * time / 16
        x, y = (round(radius * (1 + f(angle))) for f in (np.cos, np.sin))
        scene = np.zeros((count, side, side))
        scene[:, y : y + size, x : x + size] = images
        return np.log(0.1 + 0.9 * scene)

    events = np.zeros((count, steps, 2, side, side), np.int16)
    reference = brightness(0)
    for quarter in range(4 * steps):
        change = np.trunc((brightness((quarter + 1) / 4) - reference) / 0.25)
        reference += 0.25 * change
        events[:, quarter // 4, 1] += np.maximum(change, 0).astype(np.int16)
        events[:, quarter // 4, 0] += np.maximum(-change, 0).astype(np.int16)
    return events


def inputs_of(options, count, kind, rng):
    """Codes `[N, T, C, H, W]` and their scale: event counts, or an image repeated over time."""
    shape = (count, options["T"], *options["input"])
    if kind == "images":
        return events_of_images(options["T"], options["input"][1], count), 1.0
    if options["form"] == "event":
        codes = rng.integers(1, 5, shape) * (rng.random(shape) < 0.08)
        return codes.astype(np.int16), 1.0
    image = np.clip(rng.normal(0, 64, (count, 1, *options["input"])), -255, 255)
    return np.repeat(image.round().astype(np.int16), options["T"], axis=1), 2.0**-6


def network(options, shifts, codes, scale, rng):
    plain, folded = (Spikformer(**options, folded=f) for f in (False, True))
    x = torch.from_numpy(codes[:4].astype(np.float32) * scale).transpose(0, 1)
    randomize(plain, x, shifts, 2.0**-8, rng)
    fold(plain, folded)
    return folded.eval()


@torch.inference_mode()
def torch_seconds(model, x):
    model(x)
    times = []
    while len(times) < 5 or sum(times) < 2.0:
        start = time.perf_counter()
        logits = model(x)
        times.append(time.perf_counter() - start)
    return min(times), logits


def executor(timer, folder, samples, threads, number_format):
    arguments = [timer, folder / "model.yaml", folder / "input.h5", threads, samples, number_format]
    done = subprocess.run([str(a) for a in arguments], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def write_input(folder, codes):
    with h5py.File(folder / "input.h5", "w", libver=("earliest", "v110")) as file:
        file.create_dataset("input", data=codes)


def compare(name, timer, threads, folder):
    preset, batches, kind, shifts = CASES[name]
    options = dict(spikformer())[preset]
    rng = np.random.default_rng(1)
    codes, scale = inputs_of(options, max(batches), kind, rng)
    model = network(options, shifts, codes, scale, rng)
    save_file(model.state_dict(), str(folder / "model.safetensors"))
    (folder / "model.yaml").write_text(
        f"family: spikformer\npreset: {preset}\ncheckpoint: model.safetensors\n"
    )
    write_input(folder, codes)
    x = torch.from_numpy(codes.astype(np.float32) * scale).transpose(0, 1).contiguous()
    for batch in batches:
        seconds, logits = torch_seconds(model, x[:, :batch].contiguous())
        row = f"{name}, batch {batch}: PyTorch {seconds / batch:.4f} s per sample"
        for number_format in ("8", "float32"):
            ours = executor(timer, folder, batch, threads, number_format)
            ratio = seconds / batch / ours["seconds_per_sample"]
            row += (
                f"; {number_format} {ours['seconds_per_sample']:.4f} s = {ratio:.1f}x"
                f" ({ours['peak_mib']} MiB, {ours['dense_share']:.1%} of dense operations,"
                f" rate {ours['firing_rate']:.3f})"
            )
            if number_format == "float32":
                error = np.abs(np.array(ours["logits"]) - logits.numpy()).max()
                row += f"; largest difference of logits {error:.2e}"
        print(row, flush=True)


def over_density(timer, folder, rng):
    """Time against spikes, at inputs of 1 - 40 %."""
    options = dict(spikformer())["cifar10_dvs"]
    shape = (1, options["T"], *options["input"])
    for percent in (1, 2, 5, 10, 20, 30, 40):
        write_input(folder, (rng.random(shape) < percent / 100).astype(np.int16))
        ours = executor(timer, folder, 1, 1, "8")
        events = ours["synaptic_events_per_sample"]
        print(
            f"input density {percent} %: {events / 1e9:.2f} G synaptic events,"
            f" {ours['seconds_per_sample'] * 1e3:.1f} ms"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--timer", required=True, help="the program sample_timer")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--density", action="store_true")
    parser.add_argument("cases", nargs="*", help=", ".join(CASES))
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    for name in arguments.cases or ("spikformer_2_256", "spikformer_8_512"):
        with tempfile.TemporaryDirectory() as folder:
            compare(name, arguments.timer, arguments.threads, pathlib.Path(folder))
            if arguments.density and name == "spikformer_2_256":
                over_density(arguments.timer, pathlib.Path(folder), np.random.default_rng(2))


if __name__ == "__main__":
    main()
