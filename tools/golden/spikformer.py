"""Spikformer. Source: Zhou et al., ICLR 2023 (arXiv 2209.15425); docs/families.md, section 1."""

from torch import nn

from ops import Add, Lif, Part, max_pool, mean_tokens, spiking_attention

# Three forms differ in the names and shapes of their 1 x 1 layers, the bias of q, k, v, and scale.
FORMS = {
    "event": dict(linear="conv", rank=3, mlp_rank=3, qkv_bias=False, scale=0.25),
    "imagenet": dict(linear="conv", rank=3, mlp_rank=4, qkv_bias=False, scale=0.125),
    "cifar": dict(linear="linear", rank=2, mlp_rank=2, qkv_bias=True, scale=0.125),
}


class PatchEmbed(Part):
    """Four 3 x 3 stages, pooled after the LIF where `pooling` has a 1; then x + LIF(conv(x))."""

    STAGES = ("proj_conv", "proj_conv1", "proj_conv2", "proj_conv3")

    def __init__(self, channels, dim, pooling, folded):
        super().__init__()
        self.pooling = pooling
        widths = (channels, dim // 8, dim // 4, dim // 2, dim)
        for name, c_in, c_out in zip(self.STAGES, widths, widths[1:]):
            self.add_layer(name, c_in, c_out, 3, folded=folded)
        self.add_layer("rpe_conv", dim, dim, 3, folded=folded)
        self.out = Add()

    def forward(self, x):
        for name, pool in zip(self.STAGES, self.pooling):
            x = self.fire(name, x)
            x = max_pool(x) if pool == "1" else x
        return self.out(x, self.fire("rpe_conv", x))


class Attention(Part):
    def __init__(self, dim, heads, form, folded):
        super().__init__()
        self.heads, self.scale, self.linear = heads, form["scale"], form["linear"]
        for name in ("q", "k", "v", "proj"):
            bias = form["qkv_bias"] or name == "proj"
            self.add_layer(
                f"{name}_{self.linear}", dim, dim, bias=bias, rank=form["rank"], folded=folded
            )
        self.attn_lif = Lif(v_threshold=0.5)

    def forward(self, x):
        q, k, v = (self.fire(f"{name}_{self.linear}", x) for name in ("q", "k", "v"))
        mixed = self.attn_lif(spiking_attention(q, k, v, self.heads, self.scale))
        return self.fire(f"proj_{self.linear}", mixed)


class Mlp(Part):
    def __init__(self, dim, hidden, form, folded):
        super().__init__()
        self.linear = form["linear"]
        options = dict(bias=True, rank=form["mlp_rank"], folded=folded)
        self.add_layer(f"fc1_{self.linear}", dim, hidden, **options)
        self.add_layer(f"fc2_{self.linear}", hidden, dim, **options)

    def forward(self, x):
        return self.fire(f"fc2_{self.linear}", self.fire(f"fc1_{self.linear}", x))


class Block(Part):
    """Both parts add spikes to the residual stream, which so holds integers."""

    def __init__(self, dim, heads, mlp_ratio, form, folded):
        super().__init__()
        self.attn = Attention(dim, heads, form, folded)
        self.mlp = Mlp(dim, dim * mlp_ratio, form, folded)
        self.res_attn, self.res_mlp = Add(), Add()
        if not folded:
            self.norm1, self.norm2 = nn.LayerNorm(dim), nn.LayerNorm(dim)  # never used

    def forward(self, x):
        x = self.res_attn(x, self.attn(x))
        return self.res_mlp(x, self.mlp(x))


class Spikformer(nn.Module):
    """`[T, B, C, H, W]` to logits `[B, classes]`."""

    def __init__(
        self, form, input, dim, heads, depth, classes, pooling, mlp_ratio=4, T=4, folded=False
    ):
        super().__init__()
        shapes = FORMS[form]
        self.patch_embed = PatchEmbed(input[0], dim, pooling, folded)
        blocks = [Block(dim, heads, mlp_ratio, shapes, folded) for _ in range(depth)]
        self.block = nn.ModuleList(blocks)
        self.head = nn.Linear(dim, classes)
        if form == "event" and not folded:  # never used
            self.norm = nn.LayerNorm(dim)
            tokens = input[1] * input[2] // 4 ** pooling.count("1")
            self.pos_embed = nn.Parameter(self.head.weight.new_zeros(1, tokens, dim))

    def forward(self, x):
        x = self.patch_embed(x)
        for block in self.block:
            x = block(x)
        return self.head(mean_tokens(x).mean(0))
