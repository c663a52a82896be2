"""Spiking transformers for event frames, with the state-dict names of the original codes.

Sources: Zhou et al., "Spikformer: when spiking neural network meets transformer", ICLR 2023; Zhou et
al., "Spikingformer: spike-driven residual learning for transformer-based spiking neural network",
arXiv 2304.11954; docs/families.md.
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


def max_pool(x):
    t, b = x.shape[:2]
    y = F.max_pool2d(x.flatten(0, 1), 3, stride=2, padding=1)
    return y.view(t, b, *y.shape[1:])


class Pairs(nn.Module):
    """Convolutions with BatchNorm, or, `folded`, with biases in its place.

    A pair is called by the names of its two modules with `{}` for `conv` and `bn`: `proj_{}1`.
    """

    def __init__(self, folded):
        super().__init__()
        self.folded = folded

    def add_pair(self, name, conv):
        norm = nn.BatchNorm2d if isinstance(conv, nn.Conv2d) else nn.BatchNorm1d
        setattr(self, name.format("conv"), conv)
        setattr(self, name.format("bn"), nn.Identity() if self.folded else norm(conv.out_channels))

    def pair(self, name, x):
        """Currents of `[T, B, C, ...]`; time is folded into the batch."""
        t, b = x.shape[:2]
        conv, bn = getattr(self, name.format("conv")), getattr(self, name.format("bn"))
        y = bn(conv(x.flatten(0, 1)))
        return y.view(t, b, *y.shape[1:])


class Stem(Pairs):
    """3x3 convolutions of growing width, one for each of `names`."""

    def __init__(self, names, widths, pool, folded):
        super().__init__(folded)
        self.pool = pool
        for name, before, after in zip(names, widths, widths[1:]):
            self.add_pair(name, nn.Conv2d(before, after, 3, padding=1, bias=folded))


class Attention(Pairs):
    """Of spikes: LIF_0.5(scale (Q K^T) V) per head, then a 1x1 projection to currents."""

    def __init__(self, dim, heads, folded, *, scale, tau):
        super().__init__(folded)
        self.heads, self.scale, self.tau = heads, scale, tau
        for name in ("q_{}", "k_{}", "v_{}"):
            self.add_pair(name, nn.Conv1d(dim, dim, 1, bias=folded))
        self.add_pair("proj_{}", nn.Conv1d(dim, dim, 1))

    def forward(self, x):
        t, b, c, n = x.shape
        q, k, v = (
            lif(self.pair(name, x), tau=self.tau).view(t, b, self.heads, c // self.heads, n)
            for name in ("q_{}", "k_{}", "v_{}")
        )
        score = q.transpose(-1, -2) @ k  # [T, B, heads, N, N], exact small integers
        out = (v @ score.transpose(-1, -2)) * self.scale  # [T, B, heads, C / heads, N]
        out = lif(out.reshape(t, b, c, n), v_th=0.5, tau=self.tau)
        return self.pair("proj_{}", out)


class Mlp(Pairs):
    """Of spikes: two 1x1 convolutions `conv` with LIF between them, to currents."""

    def __init__(self, dim, hidden, folded, *, names, conv, tau):
        super().__init__(folded)
        self.names, self.tau = names, tau
        self.add_pair(names[0], conv(dim, hidden, 1))
        self.add_pair(names[1], conv(hidden, dim, 1))

    def forward(self, x):
        first, second = self.names
        return self.pair(second, lif(self.pair(first, x), tau=self.tau))


class Network(nn.Module):
    """Frames `[B, T, C, H, W]` to logits `[B, classes]`: a stem, blocks, a head."""

    def __init__(self, stem, blocks, dim, heads, pool, classes):
        super().__init__()
        self.heads, self.pool = heads, pool
        self.patch_embed, self.block = stem, nn.ModuleList(blocks)
        self.head = nn.Linear(dim, classes)

    def forward(self, frames):
        x = self.patch_embed(frames.transpose(0, 1)).flatten(-2)  # [T, B, D, N]
        for block in self.block:
            x = block(x)
        with torch.autocast(x.device.type, enabled=False):
            return self.classify(x.float())


class SpikformerStem(Stem):
    """Four stages LIF(conv(x)), pooled where `pool` has a 1, then the RPE."""

    STAGES = ("proj_{}", "proj_{}1", "proj_{}2", "proj_{}3")

    def __init__(self, channels, dim, pool, folded):
        widths = [channels, dim // 8, dim // 4, dim // 2, dim, dim]
        super().__init__((*self.STAGES, "rpe_{}"), widths, pool, folded)

    def forward(self, x):
        for name, pool in zip(self.STAGES, self.pool):
            x = lif(self.pair(name, x))
            if pool == "1":
                x = max_pool(x)
        return x + lif(self.pair("rpe_{}", x))


class SpikformerBlock(nn.Module):
    """Both parts add their spikes to the residual stream, which so holds small integers."""

    def __init__(self, dim, heads, folded):
        super().__init__()
        self.attn = Attention(dim, heads, folded, scale=0.25, tau=2.0)
        names = ("fc1_{}", "fc2_{}")
        self.mlp = Mlp(dim, 4 * dim, folded, names=names, conv=nn.Conv1d, tau=2.0)

    def forward(self, x):
        x = x + lif(self.attn(x))
        return x + lif(self.mlp(x))


class Spikformer(Network):
    notes = {"arch": "spikformer", "tau": 2, "v_threshold": 1, "attention_v_threshold": 0.5}
    notes |= {"attention_scale": 0.25, "bn_eps": 1e-5}

    def __init__(
        self, dim=96, heads=4, depth=2, pool="1110", *, channels=2, classes=10, folded=False
    ):
        stem = SpikformerStem(channels, dim, pool, folded)
        blocks = [SpikformerBlock(dim, heads, folded) for _ in range(depth)]
        super().__init__(stem, blocks, dim, heads, pool, classes)

    def classify(self, x):
        # Mean over tokens and time, with one division at the end: sums of spikes are exact.
        count = x.shape[0] * x.shape[-1]
        return F.linear(x.sum((0, 3)), self.head.weight, count * self.head.bias) / count


class SpikingformerStem(Stem):
    """conv(x), then four times conv(pool(LIF(x))), pooled where `pool` has a 1."""

    STAGES = ("proj1_{}", "proj2_{}", "proj3_{}", "proj4_{}")

    def __init__(self, channels, dim, pool, folded):
        widths = [channels, dim // 8, dim // 4, dim // 2, dim, dim]
        super().__init__(("proj_{}", *self.STAGES), widths, pool, folded)

    def forward(self, x):
        x = self.pair("proj_{}", x)
        for name, pool in zip(self.STAGES, self.pool):
            x = lif(x, tau=Spikingformer.TAU)
            x = self.pair(name, max_pool(x) if pool == "1" else x)
        return x.float()


class SpikingformerBlock(nn.Module):
    """Both parts read spikes of the residual stream and add currents to it, in float32."""

    def __init__(self, dim, heads, folded):
        super().__init__()
        tau = Spikingformer.TAU
        self.attn = Attention(dim, heads, folded, scale=0.125, tau=tau)
        names = ("mlp1_{}", "mlp2_{}")
        self.mlp = Mlp(dim, 4 * dim, folded, names=names, conv=nn.Conv2d, tau=tau)

    def forward(self, stream):
        tau = Spikingformer.TAU
        stream = stream + self.attn(lif(stream, tau=tau)).float()
        return stream + self.mlp(lif(stream.unsqueeze(-1), tau=tau)).squeeze(-1).float()


class Spikingformer(Network):
    """Membrane shortcut: every convolution but the first sees spikes."""

    TAU = 1.5
    notes = {"arch": "spikingformer", "tau": TAU, "v_threshold": 1, "attention_v_threshold": 0.5}
    notes |= {"attention_scale": 0.125, "bn_eps": 1e-5}

    def __init__(
        self, dim=96, heads=4, depth=4, pool="1110", *, channels=2, classes=10, folded=False
    ):
        stem = SpikingformerStem(channels, dim, pool, folded)
        blocks = [SpikingformerBlock(dim, heads, folded) for _ in range(depth)]
        super().__init__(stem, blocks, dim, heads, pool, classes)

    def classify(self, stream):
        return F.linear(stream.mean((0, 3)), self.head.weight, self.head.bias)


NETWORKS = {"spikformer": Spikformer, "spikingformer": Spikingformer}
