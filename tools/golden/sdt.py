"""Spike-Driven Transformer v1. Source: Yao et al., NeurIPS 2023 (arXiv 2307.01694);
docs/families.md, section 3."""

from torch import nn

from ops import Add, Conv, Lif, Part, erode, heads_of, maps_of, max_pool, mean_tokens


class PatchEmbed(Part):
    """Four 3 x 3 stages; where `pooling` has a 1, stages 0-2 pool spikes, stage 3 its current."""

    STAGES = ("proj_conv", "proj_conv1", "proj_conv2", "proj_conv3")

    def __init__(self, channels, dim, pooling, folded):
        super().__init__()
        self.pooling = pooling
        widths = (channels, dim // 8, dim // 4, dim // 2, dim)
        for name, c_in, c_out in zip(self.STAGES, widths, widths[1:]):
            self.add_layer(name, c_in, c_out, 3, folded=folded)
        self.add_layer("rpe_conv", dim, dim, 3, lif=False, folded=folded)
        self.out = Add()

    def forward(self, x):
        for name, pool in zip(self.STAGES[:3], self.pooling):
            x = self.fire(name, x)
            x = max_pool(x) if pool == "1" else x
        x = self.current("proj_conv3", x)
        x = max_pool(x) if self.pooling[3] == "1" else x
        return self.out(self.current("rpe_conv", self.spikes("proj_conv3", x)), x)


class Attention(Part):
    """SDSA: the channels in which k and v coincide often enough mask q."""

    def __init__(self, dim, heads, erodes, folded):
        super().__init__()
        self.heads, self.erode = heads, erode if erodes else nn.Identity()
        self.shortcut_lif = Lif()
        for name in ("q", "k", "v"):
            self.add_layer(f"{name}_conv", dim, dim, folded=folded)
        self.talking_heads_lif = Lif(v_threshold=0.5)
        self.add_layer("proj_conv", dim, dim, bias=True, lif=False, folded=folded)
        if not folded:  # never used
            self.talking_heads = Conv(heads, heads, rank=3)

    def forward(self, x):
        spikes = self.shortcut_lif(x)
        q = self.fire("q_conv", spikes)
        k, v = (self.erode(self.fire(f"{name}_conv", spikes)) for name in ("k", "v"))
        # Per head these windows span neighbouring channels and tokens, not space.
        kv = self.erode(heads_of(k * v, self.heads))
        gate = self.talking_heads_lif(kv.sum(-1, keepdim=True))  # [T, B, heads, d, 1]
        masked = self.erode(heads_of(q, self.heads) * gate)
        return self.current("proj_conv", maps_of(masked, q))


class Mlp(Part):
    """With mlp_ratio 1 the first layer has a shortcut of its own, as in the authors' code."""

    def __init__(self, dim, hidden, folded):
        super().__init__()
        self.add_layer("fc1_conv", dim, hidden, bias=True, folded=folded)
        self.add_layer("fc2_conv", hidden, dim, bias=True, folded=folded)
        self.shortcut = dim == hidden

    def forward(self, x):
        y = self.current("fc1_conv", self.spikes("fc1_conv", x))
        z = self.current("fc2_conv", self.spikes("fc2_conv", x + y if self.shortcut else y))
        return y + z if self.shortcut else z


class Block(Part):
    """Both parts add currents to the residual stream, which so holds real numbers."""

    def __init__(self, dim, heads, mlp_ratio, erodes, folded):
        super().__init__()
        self.attn = Attention(dim, heads, erodes, folded)
        self.mlp = Mlp(dim, dim * mlp_ratio, folded)
        self.res_attn, self.res_mlp = Add(), Add()

    def forward(self, x):
        x = self.res_attn(x, self.attn(x))
        return self.res_mlp(x, self.mlp(x))


class Sdt(nn.Module):
    """`[T, B, C, H, W]` to logits `[B, classes]`."""

    def __init__(
        self,
        input,
        dim,
        heads,
        depth,
        classes,
        pooling,
        dvs_mode=False,
        mlp_ratio=4,
        T=4,
        folded=False,
    ):
        super().__init__()
        self.patch_embed = PatchEmbed(input[0], dim, pooling, folded)
        blocks = [Block(dim, heads, mlp_ratio, dvs_mode, folded) for _ in range(depth)]
        self.block = nn.ModuleList(blocks)
        self.head_lif = Lif()
        self.head = nn.Linear(dim, classes)

    def forward(self, x):
        x = self.patch_embed(x)
        for block in self.block:
            x = block(x)
        return self.head(self.head_lif(mean_tokens(x))).mean(0)
