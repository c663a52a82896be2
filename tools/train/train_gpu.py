"""Trains a network on a GPU within a stated time, all frames in its memory; see README.md.

Half precision (float16) with loss scaling; BatchNorm statistics and the residual stream of
Spikingformer in float32. The learning rate falls with the time, not with the epochs: a short rise,
then a cosine to zero. The weights are written after each epoch and at the end.
"""

import argparse
import math
import os
import time

import torch
import torch.nn.functional as F

from model import NETWORKS
from training import add_training_options, cosine, load_frames, predict, save_model
from training import set_learning_rate, tell


def to_device(paths, device):
    """Frames and labels of files, one after the other, on the device."""
    parts = [load_frames(path) for path in paths]
    frames = torch.cat([frames.to(device) for frames, _ in parts])
    return frames, torch.cat([labels for _, labels in parts]).to(device)


def moved(x, args):
    """Each sample of `[B, C, H, W]` turned, scaled and shifted at random; what enters is empty."""
    count, size = len(x), x.shape[-1]

    def uniform(largest):
        return (torch.rand(count, device=x.device) * 2 - 1) * largest

    angle, scale = uniform(math.radians(args.rotation)), 1 + uniform(args.zoom)
    shift = torch.stack([uniform(args.shift), uniform(args.shift)], 1).round() * 2 / size
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    matrix = torch.stack([torch.stack([cos, -sin], 1), torch.stack([sin, cos], 1)], 1)
    grid = F.affine_grid(torch.cat([matrix, shift[:, :, None]], 2), x.shape, align_corners=False)
    return F.grid_sample(x, grid, mode="nearest", align_corners=False)


def box(x, area):
    """A mask `[B, 1, H, W]` of one box in each sample, of a mean share `area` of the frame."""
    height, width = x.shape[-2:]
    share = (area * 2 * torch.rand(len(x), 1, 1, device=x.device)).sqrt() / 2
    cy, cx = torch.rand(2, len(x), 1, 1, device=x.device)
    rows = torch.arange(height, device=x.device)[None, :, None] / height
    columns = torch.arange(width, device=x.device)[None, None, :] / width
    return (((rows - cy).abs() < share) & ((columns - cx).abs() < share))[:, None]


def augmented(frames, labels, args, classes):
    """Frames as float `[B, T, C, H, W]` and soft labels."""
    b, t, c, h, w = frames.shape
    x = moved(frames.flatten(1, 2).float(), args)
    soft = F.one_hot(labels, classes).float()
    if args.cutout > 0:
        x = x.masked_fill(box(x, args.cutout), 0.0)
    if torch.rand(()) < args.cutmix:
        mask, other = box(x, 0.35), torch.randperm(b, device=x.device)
        x = torch.where(mask, x[other], x)
        kept = 1 - mask.float().mean((1, 2, 3))[:, None]
        soft = kept * soft + (1 - kept) * soft[other]
    return x.view(b, t, c, h, w), soft


def train_epoch(args, model, optimizer, scaler, data, done):
    """One pass over the training set, or what the time allows; returns the mean loss."""
    frames, labels = data
    order = torch.randperm(len(labels), device=args.device)
    classes = model.head.out_features
    total = torch.zeros((), device=args.device)
    model.train()
    steps = len(order) // args.batch
    for step in range(steps):
        part = done()
        if part >= 1:
            return (total / max(step, 1)).item()
        chosen = order[step * args.batch : (step + 1) * args.batch]
        x, soft = augmented(frames[chosen], labels[chosen], args, classes)
        set_learning_rate(optimizer, args.lr * cosine(part, 0.02))
        with torch.autocast(args.device, torch.float16, enabled=scaler.is_enabled()):
            loss = F.cross_entropy(model(x), soft, label_smoothing=args.label_smoothing)
        optimizer.zero_grad(set_to_none=True)
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
        scaler.step(optimizer)
        scaler.update()
        total += loss.detach()
    return (total / steps).item()


def accuracy_of(model, test, args, half):
    with torch.autocast(args.device, torch.float16, enabled=half):
        return (predict(model, test[0], args.device, args.batch) == test[1].cpu()).double().mean().item()


def parse():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--arch", choices=NETWORKS, default="spikformer")
    parser.add_argument("--train", nargs="+", required=True, help="frames (HDF5), one or more files")
    parser.add_argument("--test", nargs="+", required=True, help="frames (HDF5)")
    parser.add_argument("--out", required=True, help="directory of model.safetensors")
    parser.add_argument("--seconds", type=float, required=True, help="of training, loading apart")
    parser.add_argument("--batch", type=int, default=128)
    parser.add_argument("--weight-decay", type=float, default=0.06)
    parser.add_argument("--label-smoothing", type=float, default=0.1)
    parser.add_argument("--depth", type=int, default=2)
    parser.add_argument("--pool", default="1110", help="stem stages that are pooled")
    parser.add_argument("--shift", type=float, default=1, help="augmentation, pixels")
    parser.add_argument("--rotation", type=float, default=0, help="augmentation, degrees")
    parser.add_argument("--zoom", type=float, default=0, help="augmentation, share of the size")
    parser.add_argument("--cutout", type=float, default=0, help="mean share that is blanked")
    parser.add_argument("--cutmix", type=float, default=0, help="share of batches")
    parser.add_argument("--plain", type=float, default=0.1, help="last part, without either")
    parser.add_argument("--device", default="cuda")
    add_training_options(parser)
    return parser.parse_args()


def main():
    args = parse()
    os.makedirs(args.out, exist_ok=True)
    torch.manual_seed(args.seed)
    torch.backends.cudnn.benchmark = True
    train, test = (to_device(paths, args.device) for paths in (args.train, args.test))
    args.timesteps = train[0].shape[1]
    network = NETWORKS[args.arch](args.dim, args.heads, args.depth, args.pool)
    model = network.to(args.device, memory_format=torch.channels_last)
    decayed = [p for p in model.parameters() if p.dim() > 1]
    plain = [p for p in model.parameters() if p.dim() <= 1]
    groups = [{"params": decayed}, {"params": plain, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=args.lr, weight_decay=args.weight_decay)
    half = args.device == "cuda"
    scaler = torch.amp.GradScaler(args.device, init_scale=2.0**12, enabled=half)
    print(f"{len(train[1])} training and {len(test[1])} test samples", flush=True)
    started = time.time()

    def done():
        return (time.time() - started) / args.seconds

    epoch = 0
    while done() < 1:
        if done() > 1 - args.plain:
            args.cutout = args.cutmix = 0
        loss = train_epoch(args, model, optimizer, scaler, train, done)
        epoch += 1
        accuracy = accuracy_of(model, test, args, half)
        tell(epoch, loss, round(accuracy, 4), seconds=round(time.time() - started, 1))
        save_model(args, model, epoch, accuracy, half=True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    accuracy = accuracy_of(model, test, args, half=False)
    print(f"float32: {accuracy:.4f}", flush=True)
    save_model(args, model, epoch, accuracy, half=True)


if __name__ == "__main__":
    main()
