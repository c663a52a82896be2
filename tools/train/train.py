"""Trains the Spikformer of model.py on exported event frames; see README.md."""

import argparse
import json
import os
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F
from safetensors.torch import save_file

from data import load_frames, shift_frames
from evaluate import predict
from model import Spikformer


def learning_rate(args, epoch):
    """Linear rise over the first half epoch, constant, linear fall over the last epochs."""
    rise = min(1.0, epoch / 0.5)
    fall = min(1.0, max(0.0, (args.epochs - epoch) / args.decay_epochs))
    return args.lr * min(rise, fall)


def average(tensors, workers):
    """Averages tensors over the workers, in place."""
    if workers == 1:
        return
    flat = torch.cat([t.reshape(-1) for t in tensors])
    dist.all_reduce(flat)
    flat /= workers
    for t, part in zip(tensors, flat.split([t.numel() for t in tensors])):
        t.copy_(part.view_as(t))


def save(args, model, optimizer, epoch, accuracy):
    """Writes the state to resume from, then the float32 weights, each aside and renamed."""
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
    path = os.path.join(args.out, "last.pt")
    torch.save(state, path + ".partial")
    os.replace(path + ".partial", path)
    weights = {
        name: value.float().cpu().contiguous()
        for name, value in model.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    notes = model.notes | {"heads": model.heads, "pool": model.pool, "timesteps": args.timesteps}
    notes |= {"epoch": epoch, "seed": args.seed, "test_accuracy": accuracy}
    path = os.path.join(args.out, "model.safetensors")
    save_file(weights, path + ".partial", {k: str(v) for k, v in notes.items()})
    os.replace(path + ".partial", path)


def train_epoch(rank, args, model, optimizer, data, epoch):
    """One pass over the training set; returns the mean loss of this worker."""
    frames, labels, device = *data, args.device
    generator = torch.Generator().manual_seed(args.seed * 1_000_003 + epoch)
    order = torch.randperm(len(labels), generator=generator)
    generator.manual_seed((args.seed * 1_000_003 + epoch) * args.workers + rank)
    steps = len(order) // args.batch
    share = args.batch // args.workers
    parameters = list(model.parameters())
    model.train()
    total = 0.0
    for step in range(steps):
        begin = step * args.batch + rank * share
        chosen = order[begin : begin + share]
        x = shift_frames(frames[chosen], args.shift, generator).to(device).float()
        loss = F.cross_entropy(
            model(x), labels[chosen].to(device), label_smoothing=args.label_smoothing
        )
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        average([p.grad for p in parameters], args.workers)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(args, epoch + step / steps)
        optimizer.step()
        total += loss.item()
        if rank == 0 and (step + 1) % 100 == 0:
            mean = total / (step + 1)
            print(f"epoch {epoch + 1} step {step + 1}/{steps} loss {mean:.4f}", flush=True)
    return total / steps


def work(rank, args, train, test):
    if args.workers > 1:
        os.environ.update(MASTER_ADDR="127.0.0.1", MASTER_PORT=str(args.port))
        dist.init_process_group("gloo", rank=rank, world_size=args.workers)
        torch.set_num_threads(1)
    torch.manual_seed(args.seed)
    model = Spikformer(dim=args.dim, heads=args.heads).to(args.device)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=args.weight_decay)
    first = 0
    if args.resume:
        state = torch.load(os.path.join(args.out, "last.pt"), map_location=args.device)
        model.load_state_dict(state["model"])
        optimizer.load_state_dict(state["optimizer"])
        first = state["epoch"]
    for epoch in range(first, min(args.epochs, args.stop_after or args.epochs)):
        started = time.time()
        loss = train_epoch(rank, args, model, optimizer, train, epoch)
        average([b for b in model.buffers() if b.is_floating_point()], args.workers)
        mine = slice(rank, args.test_samples, args.workers)
        hits = (predict(model, test[0][mine], args.device) == test[1][mine]).sum()
        right = hits.double().reshape(1)
        average([right], args.workers)
        if rank == 0:
            accuracy = right.item() * args.workers / args.test_samples
            row = {"epoch": epoch + 1, "loss": round(loss, 4), "test_accuracy": accuracy}
            row |= {"test_samples": args.test_samples, "seconds": round(time.time() - started)}
            print(json.dumps(row), flush=True)
            save(args, model, optimizer, epoch + 1, accuracy)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", required=True, help="frames of the training split (HDF5)")
    parser.add_argument("--test", required=True, help="frames of the test split (HDF5)")
    parser.add_argument("--out", required=True, help="directory of last.pt and model.safetensors")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--decay-epochs", type=float, default=5, help="length of the last fall")
    parser.add_argument("--batch", type=int, default=64, help="over all workers")
    parser.add_argument("--lr", type=float, default=2e-3)
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--label-smoothing", type=float, default=0.05)
    parser.add_argument("--shift", type=int, default=1, help="augmentation, pixels")
    parser.add_argument("--dim", type=int, default=96)
    parser.add_argument("--heads", type=int, default=4)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--port", type=int, default=29512)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--train-samples", type=int, help="only the first ones (a quick trial)")
    parser.add_argument("--test-samples", type=int, help="only the first ones (a quick trial)")
    parser.add_argument("--stop-after", type=int, help="end after this epoch; see --resume")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/last.pt")
    args = parser.parse_args()
    if args.batch % args.workers:
        parser.error("--batch must be a multiple of --workers")
    os.makedirs(args.out, exist_ok=True)
    train = load_frames(args.train, count=args.train_samples)
    test = load_frames(args.test, count=args.test_samples)
    args.test_samples = len(test[1])
    args.timesteps = train[0].shape[1]
    if args.workers > 1:
        for tensor in (*train, *test):
            tensor.share_memory_()
        mp.spawn(work, (args, train, test), nprocs=args.workers)
    else:
        work(0, args, train, test)


if __name__ == "__main__":
    main()
