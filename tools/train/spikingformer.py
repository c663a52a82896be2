"""Spikingformer for event frames, with the state-dict names of the original code.

Membrane shortcut: currents are added to currents, so the residual stream holds real numbers (kept
in float32), and every convolution but the first sees spikes. tau = 1.5.

Source: Zhou et al., "Spikingformer: spike-driven residual learning for transformer-based spiking
neural network", arXiv 2304.11954; docs/families.md, section 2.
"""

import torch
from torch import nn
import torch.nn.functional as F

from model import conv_bn, lif, max_pool

TAU = 1.5


class PatchEmbed(nn.Module):
    """conv(x), then four times conv(pool(LIF(x))), pooled where `pool` has a 1."""

    NAMES = ("proj", "proj1", "proj2", "proj3", "proj4")

    def __init__(self, channels, dim, pool, folded):
        super().__init__()
        norm = nn.Identity if folded else nn.BatchNorm2d
        self.pool = pool
        widths = [channels, dim // 8, dim // 4, dim // 2, dim, dim]
        for i, name in enumerate(self.NAMES):
            conv = nn.Conv2d(widths[i], widths[i + 1], 3, padding=1, bias=folded)
            setattr(self, name + "_conv", conv)
            setattr(self, name + "_bn", norm(widths[i + 1]))

    def stage(self, name, x):
        return conv_bn(x, getattr(self, name + "_conv"), getattr(self, name + "_bn"))

    def forward(self, x):
        x = self.stage("proj", x)
        for name, pool in zip(self.NAMES[1:], self.pool):
            x = lif(x, tau=TAU)
            x = self.stage(name, max_pool(x) if pool == "1" else x)
        return x


class Attention(nn.Module):
    """One spike train feeds q, k and v: LIF_0.5((Q K^T) V / 8) per head, then a 1x1 projection."""

    def __init__(self, dim, heads, folded):
        super().__init__()
        norm = nn.Identity if folded else nn.BatchNorm1d
        self.heads = heads
        for name in ("q", "k", "v"):
            setattr(self, name + "_conv", nn.Conv1d(dim, dim, 1, bias=folded))
            setattr(self, name + "_bn", norm(dim))
        self.proj_conv = nn.Conv1d(dim, dim, 1)
        self.proj_bn = norm(dim)

    def forward(self, stream):
        t, b, c, n = stream.shape
        x = lif(stream, tau=TAU)
        q, k, v = (
            lif(conv_bn(x, getattr(self, name + "_conv"), getattr(self, name + "_bn")), tau=TAU)
            .view(t, b, self.heads, c // self.heads, n)
            for name in ("q", "k", "v")
        )
        score = q.transpose(-1, -2) @ k  # [T, B, heads, N, N], exact small integers
        out = (v @ score.transpose(-1, -2)) * 0.125  # [T, B, heads, C / heads, N]
        out = lif(out.reshape(t, b, c, n), v_th=0.5, tau=TAU)
        return conv_bn(out, self.proj_conv, self.proj_bn)


class MLP(nn.Module):
    def __init__(self, dim, hidden, folded):
        super().__init__()
        norm = nn.Identity if folded else nn.BatchNorm2d
        self.mlp1_conv = nn.Conv2d(dim, hidden, 1)
        self.mlp1_bn = norm(hidden)
        self.mlp2_conv = nn.Conv2d(hidden, dim, 1)
        self.mlp2_bn = norm(dim)

    def forward(self, stream):
        x = lif(stream.unsqueeze(-1), tau=TAU)
        x = lif(conv_bn(x, self.mlp1_conv, self.mlp1_bn), tau=TAU)
        return conv_bn(x, self.mlp2_conv, self.mlp2_bn).squeeze(-1)


class Block(nn.Module):
    """Both parts add currents to the residual stream."""

    def __init__(self, dim, heads, mlp_ratio, folded):
        super().__init__()
        self.attn = Attention(dim, heads, folded)
        self.mlp = MLP(dim, dim * mlp_ratio, folded)

    def forward(self, stream):
        stream = stream + self.attn(stream).float()
        return stream + self.mlp(stream).float()


class Spikingformer(nn.Module):
    """Frames `[B, T, C, H, W]` to logits `[B, classes]`; `folded`: biases instead of BatchNorm."""

    notes = {"arch": "spikingformer", "tau": TAU, "v_threshold": 1, "attention_v_threshold": 0.5}
    notes |= {"attention_scale": 0.125, "bn_eps": 1e-5}

    def __init__(
        self, dim=96, heads=4, depth=4, pool="1110", *, channels=2, classes=10, folded=False
    ):
        super().__init__()
        self.heads, self.pool = heads, pool
        self.patch_embed = PatchEmbed(channels, dim, pool, folded)
        self.block = nn.ModuleList(Block(dim, heads, 4, folded) for _ in range(depth))
        self.head = nn.Linear(dim, classes)

    def forward(self, frames):
        stream = self.patch_embed(frames.transpose(0, 1)).flatten(-2).float()  # [T, B, D, N]
        for block in self.block:
            stream = block(stream)
        with torch.autocast(stream.device.type, enabled=False):
            return F.linear(stream.mean((0, 3)), self.head.weight, self.head.bias)
