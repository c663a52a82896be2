"""Trains a small convolutional network with ternary weights on exported frames of binary events.

It is small enough for chips without attention, graded spikes or many synapses per neuron: four
convolutions of 3 x 3 with neurons and pooling, and a head; no neuron has more than 9 x CHANNELS
inputs. Writes OUT/layers.yaml and OUT/layers.safetensors, BatchNorm folded, which
`neurojoule import OUT/layers.yaml --out model.h5` makes a model of.

Ternary weights as in Li et al., "Ternary weight networks", 2016: per output channel, weights above
0.7 of the mean magnitude are +-scale, the others 0; gradients pass as if they were not rounded. The head
has one scale, as everywhere in neurojoule.
"""

import argparse
import os
import time

import torch
from safetensors.torch import save_file
from torch import nn
import torch.nn.functional as F

from model import lif, max_pool
from training import cosine, load_frames, predict, replace, set_learning_rate, tell
from train import shift_frames


def ternary(weight, scales):
    """The nearest of -s, 0, s, with an s for each of `scales` parts of the output channels."""
    size = weight.abs().view(scales, -1)
    kept = (size > 0.7 * size.mean(1, keepdim=True)).float()
    scale = (size * kept).sum(1) / kept.sum(1)
    rounded = weight.sign() * (kept * scale[:, None]).view_as(weight)
    return weight + (rounded - weight).detach()


class Convolutions(nn.Module):
    """`[B, T, 2, H, W]` -> logits `[B, classes]`."""

    def __init__(self, channels, depth, classes=10):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.Conv2d(channels if i > 0 else 2, channels, 3, padding=1, bias=False)
            for i in range(depth)
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(channels) for _ in range(depth))
        self.head = nn.Linear(channels, classes)

    def forward(self, frames):
        x = frames.transpose(0, 1)
        for conv, norm in zip(self.convs, self.norms):
            t, b = x.shape[:2]
            weight = ternary(conv.weight, conv.out_channels)
            current = norm(F.conv2d(x.flatten(0, 1), weight, padding=1))
            x = max_pool(lif(current.view(t, b, *current.shape[1:])))
        return F.linear(x.mean((0, 3, 4)), ternary(self.head.weight, 1), self.head.bias)


@torch.no_grad()
def settle_norms(model, frames, batch=500):
    """Means and variances of the weights as they are now: in training they lag behind."""
    for norm in model.norms:
        norm.reset_running_stats()
        norm.momentum = None  # the mean of all batches
    model.train()
    for part in frames.split(batch):
        model(part.float())
    for norm in model.norms:
        norm.momentum = 0.1


def save_layers(folder, model, shape, timesteps):
    """The list of layers and its weights, as docs/model-file.md has them."""
    lines = [f"timesteps: {timesteps}", "weights: layers.safetensors", "layers:"]
    lines.append(f"- {{name: input, kind: input, shape: {list(shape)}, max_value: 1}}")
    tensors = {}
    before = "input"
    for i, (conv, norm) in enumerate(zip(model.convs, model.norms), 1):
        gain = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = ternary(conv.weight, conv.out_channels) * gain.view(-1, 1, 1, 1)
        tensors[f"conv{i}.weight"] = weight.detach().contiguous()
        tensors[f"conv{i}.bias"] = (norm.bias - norm.running_mean * gain).detach().contiguous()
        out = conv.out_channels
        lines += [
            f"- {{name: conv{i}, kind: conv2d, input: {before}, out_channels: {out}, kernel: 3, padding: 1}}",
            f"- {{name: conv{i}.lif, kind: lif, input: conv{i}}}",
            f"- {{name: conv{i}.pool, kind: maxpool2d, input: conv{i}.lif}}",
        ]
        before = f"conv{i}.pool"
    tensors["head.weight"] = ternary(model.head.weight, 1).detach().contiguous()
    tensors["head.bias"] = model.head.bias.detach().contiguous()
    lines.append(f"- {{name: head, kind: head, input: {before}, classes: {model.head.out_features}}}")
    replace(os.path.join(folder, "layers.safetensors"), lambda path: save_file(tensors, path))

    def write(path):
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")

    replace(os.path.join(folder, "layers.yaml"), write)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", required=True, help="frames of `neurojoule frames`")
    parser.add_argument("--test", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--channels", type=int, default=14)
    parser.add_argument("--depth", type=int, default=4)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--shift", type=int, default=1, help="pixels that samples are moved by")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    torch.manual_seed(args.seed)
    frames, labels = load_frames(args.train)
    test, test_labels = load_frames(args.test)
    model = Convolutions(args.channels, args.depth)
    optimizer = torch.optim.AdamW(model.parameters(), lr=args.lr, weight_decay=1e-4)
    generator = torch.Generator().manual_seed(args.seed)
    steps = len(labels) // args.batch
    for epoch in range(args.epochs):
        start = time.perf_counter()
        model.train()
        total = 0.0
        order = torch.randperm(len(labels), generator=generator)
        for step in range(steps):
            share = cosine((epoch + step / steps) / args.epochs, 0.05)
            set_learning_rate(optimizer, args.lr * share)
            chosen = order[step * args.batch : (step + 1) * args.batch]
            inputs = shift_frames(frames[chosen], args.shift, generator).float()
            loss = F.cross_entropy(model(inputs), labels[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()
        settle_norms(model, frames[:5000])
        accuracy = (predict(model, test, batch=500) == test_labels).float().mean().item()
        seconds = round(time.perf_counter() - start, 1)
        tell(epoch, total / steps, round(accuracy, 4), seconds=seconds)
        save_layers(args.out, model, test.shape[2:], test.shape[1])


if __name__ == "__main__":
    main()
