"""What training and evaluation share: frames, learning rates, accuracy, checkpoints."""

import json
import math
import os

import h5py
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from model import NETWORKS


def load_frames(path, first=0, count=None):
    """Frames uint8 `[N, T, C, H, W]` and labels int64 `[N]` that `neurojoule frames` exported."""
    with h5py.File(path, "r") as file:
        last = len(file["labels"]) if count is None else first + count
        if last > len(file["labels"]):
            raise SystemExit(f"{path}: has {len(file['labels'])} samples, {last} wanted")
        frames = torch.from_numpy(file["frames"][first:last])
        labels = torch.from_numpy(file["labels"][first:last].astype("int64"))
    return frames, labels


def trapezoid(at, rise, end, fall):
    """Share of the learning rate: up until `rise`, constant, down over the last `fall` before `end`."""
    return min(min(1.0, at / rise), min(1.0, max(0.0, (end - at) / fall)))


def cosine(at, rise):
    """Likewise for `at` in 0..1: up until `rise`, along a cosine to zero."""
    return min(1.0, at / rise) * (1.0 + math.cos(math.pi * at)) / 2.0


def set_learning_rate(optimizer, rate):
    for group in optimizer.param_groups:
        group["lr"] = rate


@torch.no_grad()
def predict(model, frames, device="cpu", batch=32):
    """The class with the largest logit (the first one of equals) of every sample, int64 `[N]`."""
    model.eval()
    parts = [model(part.to(device).float()).argmax(1).cpu() for part in frames.split(batch)]
    return torch.cat(parts)


def replace(path, write):
    """`write(aside)`, then renames, so that `path` is never half-written."""
    write(path + ".partial")
    os.replace(path + ".partial", path)


def save_model(args, model, epoch, accuracy, half=False):
    """Writes OUT/model.safetensors; `half`: weights of convolutions and head as F16, the rest F32."""
    weights = {
        name: (value.half() if half and value.dim() > 1 else value.float()).cpu().contiguous()
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    notes = model.notes | {"heads": model.heads, "pool": model.pool, "timesteps": args.timesteps}
    notes |= {"epoch": epoch, "seed": args.seed, "test_accuracy": accuracy}
    notes = {key: str(value) for key, value in notes.items()}
    replace(os.path.join(args.out, "model.safetensors"), lambda p: save_file(weights, p, notes))


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


def add_training_options(parser):
    """Options that every script which trains has."""
    parser.add_argument("--lr", type=float, default=2e-3, help="the largest learning rate")
    parser.add_argument("--dim", type=int, default=96)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)


def tell(epoch, loss, accuracy, **more):
    """Prints what an epoch gave as a line of JSON."""
    row = {"epoch": epoch, "loss": round(loss, 4), "test_accuracy": accuracy}
    print(json.dumps(row | more), flush=True)
