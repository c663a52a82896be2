"""Trains the Spikformer of model.py on exported event frames; see README.md."""

import argparse
import os
import time

import torch
import torch.distributed as dist
import torch.multiprocessing as mp
import torch.nn.functional as F

from model import Spikformer
from training import add_training_options, load_frames, predict, replace, save_model
from training import set_learning_rate, tell, trapezoid


def shift_frames(frames, largest, generator):
    """Moves each sample by up to `largest` pixels along both axes; what enters is empty."""
    out = torch.zeros_like(frames)
    height, width = frames.shape[-2:]
    moves = torch.randint(-largest, largest + 1, (len(frames), 2), generator=generator).tolist()
    for i, (dy, dx) in enumerate(moves):
        out[i, ..., max(dy, 0) : height + min(dy, 0), max(dx, 0) : width + min(dx, 0)] = frames[
            i, ..., max(-dy, 0) : height + min(-dy, 0), max(-dx, 0) : width + min(-dx, 0)
        ]
    return out


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
    """Writes the state to resume from, then the float32 weights."""
    state = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": epoch}
    replace(os.path.join(args.out, "last.pt"), lambda path: torch.save(state, path))
    save_model(args, model, epoch, accuracy)


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
        rate = args.lr * trapezoid(epoch + step / steps, 0.5, args.epochs, args.decay_epochs)
        set_learning_rate(optimizer, rate)
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
            seconds = round(time.time() - started)
            tell(epoch + 1, loss, accuracy, test_samples=args.test_samples, seconds=seconds)
            save(args, model, optimizer, epoch + 1, accuracy)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", required=True, help="frames of the training split (HDF5)")
    parser.add_argument("--test", required=True, help="frames of the test split (HDF5)")
    parser.add_argument("--out", required=True, help="directory of last.pt and model.safetensors")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--decay-epochs", type=float, default=5, help="length of the last fall")
    parser.add_argument("--batch", type=int, default=64, help="over all workers")
    parser.add_argument("--weight-decay", type=float, default=0.02)
    parser.add_argument("--label-smoothing", type=float, default=0.05)
    parser.add_argument("--shift", type=int, default=1, help="augmentation, pixels")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--port", type=int, default=29512)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--train-samples", type=int, help="only the first ones (a quick trial)")
    parser.add_argument("--test-samples", type=int, help="only the first ones (a quick trial)")
    parser.add_argument("--stop-after", type=int, help="end after this epoch; see --resume")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/last.pt")
    add_training_options(parser)
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
