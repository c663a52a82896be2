"""The operators of all families, on maps [T, B, C, H, W]; a token is the position n = y * W + x.

LIF: H = V + (X - V) / tau; S = 1 where H >= v_threshold, else 0; V = 0 where S, else H; V starts
at 0.
"""

import torch
from torch import nn
import torch.nn.functional as F


def over_time(function, x):
    """Applies `function` to each map of `[T, B, ...]`."""
    y = function(x.flatten(0, 1))
    return y.view(*x.shape[:2], *y.shape[1:])


class Conv(nn.Module):
    """Convolution with zero padding that keeps the size at stride 1.

    `rank` is the number of dimensions of the stored weight: 4 for a Conv2d, 3 for a Conv1d, 2 for a
    Linear; the latter two are 1 x 1 convolutions over tokens.
    """

    def __init__(self, c_in, c_out, kernel=1, stride=1, bias=False, rank=4):
        super().__init__()
        shape = (c_out, c_in) + (kernel,) * (rank - 2)
        self.weight = nn.Parameter(torch.zeros(shape))
        self.bias = nn.Parameter(torch.zeros(c_out)) if bias else None
        self.kernel, self.stride = kernel, stride

    def kernels(self):
        return self.weight.view(*self.weight.shape[:2], self.kernel, self.kernel)

    def forward(self, x):
        pad = self.kernel // 2
        return over_time(lambda m: F.conv2d(m, self.kernels(), self.bias, self.stride, pad), x)


class Norm(nn.BatchNorm2d):
    """BatchNorm over the channels of all maps, eps 1e-5."""

    def forward(self, x):
        return over_time(super().forward, x)


class Lif(nn.Module):
    """Leaky integrate-and-fire neurons, one per element of `[B, ...]`."""

    def __init__(self, tau=2.0, v_threshold=1.0):
        super().__init__()
        self.tau, self.v_threshold = tau, v_threshold

    def forward(self, current):
        v = torch.zeros_like(current[0])
        spikes = []
        for x in current:
            h = v + (x - v) / self.tau
            spikes.append((h >= self.v_threshold).to(h.dtype))
            v = h * (1 - spikes[-1])
        return torch.stack(spikes)


class Add(nn.Module):
    """Residual sum; a module, so that the stream can be recorded by its name."""

    def forward(self, a, b):
        return a + b


class Part(nn.Module):
    """Part of a network whose layers come in triples `q_conv`, `q_bn`, `q_lif`.

    Names are those of the authors' modules; a folded network has a bias in place of each norm.
    """

    def add_layer(
        self, name, c_in, c_out, kernel=1, *, folded, bias=False, lif=True, tau=2.0, **conv
    ):
        """`name` is the name of the convolution, such as `proj_conv1` or `fc1_linear`."""
        setattr(self, name, Conv(c_in, c_out, kernel, bias=bias or folded, **conv))
        if not folded:
            setattr(self, sibling(name, "bn"), Norm(c_out))
        if lif:
            setattr(self, sibling(name, "lif"), Lif(tau))

    def current(self, name, x):
        """BN(conv(x))."""
        return getattr(self, sibling(name, "bn"), nn.Identity())(getattr(self, name)(x))

    def spikes(self, name, x):
        return getattr(self, sibling(name, "lif"))(x)

    def fire(self, name, x):
        """LIF(BN(conv(x)))."""
        return self.spikes(name, self.current(name, x))


def sibling(name, kind):
    """`proj_bn1` for `proj_conv1`."""
    return name.replace("conv", kind).replace("linear", kind)


def max_pool(x):
    """Maximum of 3 x 3 windows, stride 2; positions outside the map do not take part."""
    return over_time(lambda m: F.max_pool2d(m, 3, stride=2, padding=1), x)


def erode(x):
    """Maximum of 3 x 3 windows, stride 1, over the last two dimensions."""
    return F.max_pool2d(x.flatten(0, -3), 3, stride=1, padding=1).view_as(x)


def heads_of(x, heads):
    """`[T, B, C, H, W]` to `[T, B, heads, d, N]`, C = heads * d."""
    return x.flatten(3).unflatten(2, (heads, -1))


def maps_of(x, like):
    """`[T, B, heads, d, N]` back to the shape of `like`."""
    return x.flatten(2, 3).view_as(like)


def spiking_attention(q, k, v, heads, scale):
    """out[i, n] = scale * sum over m of (sum over j of q[j, n] k[j, m]) v[i, m], per head."""
    qh, kh, vh = (heads_of(x, heads) for x in (q, k, v))
    score = qh.transpose(-1, -2) @ kh
    return maps_of(vh @ score.transpose(-1, -2) * scale, q)


def mean_tokens(x):
    """`[T, B, C, H, W]` to `[T, B, C]`."""
    return x.flatten(3).mean(3)
