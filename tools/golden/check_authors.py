"""Checks these models against vectors that the authors' own code computed, bit by bit.

python check_authors.py FOLDER    # with spikformer_dvs and sdt_gesture
"""

import json
import pathlib
import sys

import h5py
import numpy as np
import torch
from safetensors.torch import load_file

from record import run
from sdt import Sdt
from spikformer import Spikformer


def build(name, config):
    options = dict(
        input=(config["in_channels"], config["img_size_h"], config["img_size_w"]),
        dim=config["embed_dims"],
        heads=config["num_heads"],
        depth=config["depths"],
        classes=config["num_classes"],
        mlp_ratio=config["mlp_ratios"],
        folded=True,
    )
    if name == "spikformer_dvs":
        return Spikformer("event", pooling="1111", **options)
    return Sdt(pooling=config["pooling_stat"], dvs_mode=config["dvs_mode"], **options)


def check(folder):
    manifest = json.loads((folder / "manifest.json").read_text())
    model = build(folder.name, manifest["config"])
    model.load_state_dict(load_file(folder / "exact.safetensors"))
    golden = h5py.File(folder / "exact.golden.h5")
    frames = torch.from_numpy(golden["input"][...]).float()
    logits, lifs, sums = run(model, frames)

    assert list(lifs) == manifest["layer_order_executed"]
    wrong = bits = 0
    for name, spikes in lifs.items():
        packed = golden[f"lif/{name}/packed"][...]
        ours = np.packbits(
            spikes.numpy().astype(bool).reshape(len(spikes), -1), 1, bitorder="little"
        )
        wrong += np.unpackbits(ours ^ packed).sum()
        bits += spikes.numel()
    group, unit = ("residual", 1) if "residual" in golden else ("residual_q8", 256)
    assert sorted(sums) == sorted(golden[group])
    for name, stream in sums.items():
        stored = golden[f"{group}/{name}"][...]
        wrong += (stream.numpy().reshape(stored.shape) * unit != stored).sum()
        bits += stream.numel()
    wrong += (logits.numpy() != golden["logits"][...]).sum()
    print(f"{folder.name}: {int(wrong)} of {bits:,} spikes, residual values and logits differ")
    return wrong == 0


if __name__ == "__main__":
    root = pathlib.Path(sys.argv[1])
    results = [check(root / name) for name in ("spikformer_dvs", "sdt_gesture")]
    sys.exit(not all(results))
