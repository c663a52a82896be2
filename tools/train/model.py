"""Spikformer for event frames, with the state-dict names of the original code.

Source: Zhou et al., "Spikformer: when spiking neural network meets transformer", ICLR 2023.
"""

import torch
from torch import nn
import torch.nn.functional as F

if torch.cuda.is_available():
    import lif_cuda


class _Lif(torch.autograd.Function):
    """LIF over the leading time axis, with one pass of back-propagation through time.

    H = V + (X - V) / tau, S = [H >= v_th], V = H (1 - S). Backward: derivative of sigmoid(4 x) for
    the step, and no gradient through the reset.
    """

    ALPHA = 4.0

    @staticmethod
    def forward(ctx, current, v_th, tau):
        ctx.v_th, ctx.tau = v_th, tau
        if current.is_cuda:
            spikes, h = lif_cuda.forward(current, v_th, tau)
            ctx.save_for_backward(h)
            return spikes
        h = torch.empty_like(current)
        spikes = torch.empty_like(current)
        v = torch.zeros_like(current[0])
        for t in range(current.shape[0]):
            torch.add(v, torch.sub(current[t], v, out=h[t]).div_(tau), out=h[t])
            torch.ge(h[t], v_th, out=spikes[t])
            torch.addcmul(h[t], h[t], spikes[t], value=-1, out=v)
        ctx.save_for_backward(h)
        return spikes

    @staticmethod
    def backward(ctx, grad):
        (h,) = ctx.saved_tensors
        if grad.is_cuda:
            dx = lif_cuda.backward(grad, h, ctx.v_th, ctx.tau, _Lif.ALPHA)
            return dx, None, None
        s = torch.sub(h, ctx.v_th).mul_(_Lif.ALPHA).sigmoid_()
        dx = torch.addcmul(s, s, s, value=-1).mul_(grad).mul_(_Lif.ALPHA / ctx.tau)
        kept = 1.0 - 1.0 / ctx.tau
        for t in range(grad.shape[0] - 2, -1, -1):
            dx[t].addcmul_(dx[t + 1], h[t] < ctx.v_th, value=kept)
        return dx, None, None


def lif(current, v_th=1.0, tau=2.0):
    """Spikes of LIF neurons for input currents `[T, ...]`."""
    return _Lif.apply(current, v_th, tau)


def conv_bn(x, conv, bn):
    """Convolution and BatchNorm of `[T, B, C, ...]`, time folded into the batch."""
    t, b = x.shape[:2]
    y = bn(conv(x.flatten(0, 1)))
    return y.view(t, b, *y.shape[1:])


def max_pool(x):
    t, b = x.shape[:2]
    y = F.max_pool2d(x.flatten(0, 1), 3, stride=2, padding=1)
    return y.view(t, b, *y.shape[1:])


class PatchEmbed(nn.Module):
    """Spiking patch splitting: four 3x3 stages, pooled where `pool` has a 1, then the RPE."""

    def __init__(self, channels, dim, pool, folded):
        super().__init__()
        self.pool = pool
        norm = nn.Identity if folded else nn.BatchNorm2d
        widths = [channels, dim // 8, dim // 4, dim // 2, dim]
        for i in range(4):
            suffix = str(i) if i else ""
            conv = nn.Conv2d(widths[i], widths[i + 1], 3, padding=1, bias=folded)
            setattr(self, "proj_conv" + suffix, conv)
            setattr(self, "proj_bn" + suffix, norm(widths[i + 1]))
        self.rpe_conv = nn.Conv2d(dim, dim, 3, padding=1, bias=folded)
        self.rpe_bn = norm(dim)

    def forward(self, x):
        for suffix, pool in zip(("", "1", "2", "3"), self.pool):
            conv = getattr(self, "proj_conv" + suffix)
            x = lif(conv_bn(x, conv, getattr(self, "proj_bn" + suffix)))
            if pool == "1":
                x = max_pool(x)
        return x + lif(conv_bn(x, self.rpe_conv, self.rpe_bn))


class SSA(nn.Module):
    """Spiking self attention: LIF_0.5((Q K^T) V / 4) per head, then a 1x1 projection."""

    def __init__(self, dim, heads, folded):
        super().__init__()
        norm = nn.Identity if folded else nn.BatchNorm1d
        self.heads = heads
        for name in ("q", "k", "v"):
            setattr(self, name + "_conv", nn.Conv1d(dim, dim, 1, bias=folded))
            setattr(self, name + "_bn", norm(dim))
        self.proj_conv = nn.Conv1d(dim, dim, 1)
        self.proj_bn = norm(dim)

    def forward(self, x):
        t, b, c, n = x.shape
        q, k, v = (
            lif(conv_bn(x, getattr(self, name + "_conv"), getattr(self, name + "_bn")))
            .view(t, b, self.heads, c // self.heads, n)
            for name in ("q", "k", "v")
        )
        score = q.transpose(-1, -2) @ k  # [T, B, heads, N, N], exact small integers
        out = (v @ score.transpose(-1, -2)) * 0.25  # [T, B, heads, C / heads, N]
        out = lif(out.reshape(t, b, c, n), v_th=0.5)
        return lif(conv_bn(out, self.proj_conv, self.proj_bn))


class MLP(nn.Module):
    def __init__(self, dim, hidden, folded):
        super().__init__()
        norm = nn.Identity if folded else nn.BatchNorm1d
        self.fc1_conv = nn.Conv1d(dim, hidden, 1)
        self.fc1_bn = norm(hidden)
        self.fc2_conv = nn.Conv1d(hidden, dim, 1)
        self.fc2_bn = norm(dim)

    def forward(self, x):
        x = lif(conv_bn(x, self.fc1_conv, self.fc1_bn))
        return lif(conv_bn(x, self.fc2_conv, self.fc2_bn))


class Block(nn.Module):
    """Both parts add their spikes to the residual stream, which so holds small integers."""

    def __init__(self, dim, heads, mlp_ratio, folded):
        super().__init__()
        self.attn = SSA(dim, heads, folded)
        self.mlp = MLP(dim, dim * mlp_ratio, folded)

    def forward(self, x):
        x = x + self.attn(x)
        return x + self.mlp(x)


class Spikformer(nn.Module):
    """Frames `[B, T, C, H, W]` to logits `[B, classes]`; `folded`: biases instead of BatchNorm."""

    notes = {"arch": "spikformer", "tau": 2, "v_threshold": 1, "attention_v_threshold": 0.5}
    notes |= {"attention_scale": 0.25, "bn_eps": 1e-5}

    def __init__(
        self, dim=96, heads=4, depth=2, pool="1110", *, channels=2, classes=10, folded=False
    ):
        super().__init__()
        self.heads, self.pool = heads, pool
        self.patch_embed = PatchEmbed(channels, dim, pool, folded)
        self.block = nn.ModuleList(Block(dim, heads, 4, folded) for _ in range(depth))
        self.head = nn.Linear(dim, classes)

    def forward(self, frames):
        x = self.patch_embed(frames.transpose(0, 1))
        x = x.flatten(-2)  # [T, B, D, N]
        for block in self.block:
            x = block(x)
        # Mean over tokens and time, with one division at the end: sums of spikes are exact.
        count = x.shape[0] * x.shape[-1]
        with torch.autocast(x.device.type, enabled=False):
            total = F.linear(x.float().sum((0, 3)), self.head.weight, count * self.head.bias)
        return total / count
