"""Accuracy of a safetensors checkpoint on exported event frames."""

import argparse

import torch
from safetensors import safe_open
from safetensors.torch import load_file

from data import load_frames
from model import Spikformer
from spikingformer import Spikingformer

NETWORKS = {"spikformer": Spikformer, "spikingformer": Spikingformer}


def load_model(path):
    """The model of a checkpoint that a script of this folder wrote, ready to evaluate."""
    with safe_open(path, "pt") as file:
        notes = file.metadata()
    weights = load_file(path)
    dim = weights["head.weight"].shape[1]
    depth = len({name.split(".")[1] for name in weights if name.startswith("block.")})
    folded = "patch_embed.proj_bn.weight" not in weights
    network = NETWORKS[notes["arch"]]
    pool = notes.get("pool", "1110")
    model = network(dim, int(notes["heads"]), depth, pool, folded=folded)
    missing, unknown = model.load_state_dict(weights, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unknown:
        raise SystemExit(f"{path}: missing {missing}, unknown {unknown}")
    return model.eval()


@torch.no_grad()
def predict(model, frames, device="cpu", batch=32):
    """The class with the largest logit (the first one of equals) of every sample, int64 `[N]`."""
    model.eval()
    parts = [model(part.to(device).float()).argmax(1).cpu() for part in frames.split(batch)]
    return torch.cat(parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("frames")
    parser.add_argument("--samples", type=int, help="only the first ones")
    args = parser.parse_args()
    frames, labels = load_frames(args.frames, count=args.samples)
    right = int((predict(load_model(args.checkpoint), frames) == labels).sum())
    print(f"{right} of {len(labels)} right: {100 * right / len(labels):.2f} %")


if __name__ == "__main__":
    main()
