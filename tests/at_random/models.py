"""Shapes, and the stages from random weights to a base model."""

from __future__ import annotations

from math import pi

from .start import LR_END, Model, binary, k, tokens
from .texts import Texts
from .written import Block


class Models(Texts):
    """Pre-training, in an order that is drawn."""

    def shape(self) -> None:
        """Sizes of a family, from a toy to a hundred billion."""
        head = self.one(16, 32, 64, 128)
        heads = self.one(4, 8, 16, 32) if head < 128 else self.one(8, 16, 32, 64)
        self.size = {
            "layers": self.one(2, 4, 8, 24, 32, 64),
            "width": head * heads,
            "heads": heads,
            "kv_heads": self.one(heads, heads // 2, heads // 4),
            "ffn": 64 * self.random.randint(2, 10) * max(1, head * heads // 256),
            "head": head,
        }
        if self.size["width"] < 64:
            self.size["width"] = 64
        self.first = self.one(512, 1024, 2048, 4096)
        self.last = self.first * self.one(1, 2, 4)
        self.base = self.rope(self.last)
        self.rows = -(-self.vocab // 64) * 64
        self.arch = self.arch_block("arch", self.size, self.first)

    def rope(self, context: int) -> int:
        """A base that reaches a context, with half as much to spare."""
        size = self.size["head"]
        need = 1.5 * (context / pi) ** (size / (size - 2))
        return next(base for power in range(4, 30) for base in (10**power, 5 * 10**power) if base >= need)

    def arch_block(self, word: str, size: dict[str, int], context: int) -> str:
        name = self.name(word)
        fields = {key: str(size[key]) for key in ("layers", "width", "heads", "kv_heads", "ffn")}
        if self.coin(0.4) or size["width"] != size["head"] * size["heads"]:
            fields["head_dim"] = str(size["head"])
        fields["vocab"] = self.one(str(self.rows), str(self.rows + 64)) if word == "arch" else str(self.rows)
        fields["rope"] = str(self.base)
        fields |= self.some(
            {
                "tied": "true",
                "activation": "gelu_tanh",
                "qkv_bias": "true",
                "qk_norm": self.one("head", "width"),
                "norms": "pre_post",
                "norm_eps": "1e-6",
                "norm_offset": "true",
                "embed_scale": "true",
                "query_scale": "1/8",
                "window": f"[{k(context // 4)}, full]",
            },
            0.25,
        )
        inner = []
        if self.coin(0.2):
            inner.append(Block("softcap", fields=self.some({"attention": "50.0", "final": "30.0"}, 0.8)))
        if self.coin(0.2):
            scaling = {"kind": self.one("linear", "yarn", "llama3"), "factor": "4", "original": k(context)}
            inner.append(Block("rope_scaling", fields=scaling | self.some({"low": "1", "high": "4"}, 0.5)))
        self.add("arch", name, fields, inner=inner)
        return name

    def pretraining(self) -> Model:
        """From random weights, or a folder, to a base model."""
        if self.coin(0.15):
            start = self.name("loaded")
            self.add("load", start, {"path": '"models/here"', "arch": self.arch, "tokenizer": self.words})
        else:
            start = self.name("seed")
            self.add(
                "init",
                start,
                {"arch": self.arch, "tokenizer": self.words} | self.some({"std": "0.02", "rng": self.seed}),
            )
        self.stages += 1
        model = self.train(Model(start, self.size, self.first), first=True)
        for step in self.random.sample(
            [self.pruned, self.distilled, self.upcycled, self.lengthened, self.annealed],
            self.random.randint(0, 4),
        ):
            model = step(model)
        model.base = model.name
        return model

    def course(self, model: Model, context: int, first: bool = False) -> dict[str, str]:
        """Length, context, batch, and a learning rate that begins where the model's last one ended."""
        sequences = self.one(8, 16, 64, 256, 1024)
        steps = self.random.randint(60, 4000)
        batch = context * sequences
        amount = max(10**6, batch * steps // 10**6 * 10**6)
        self.steps = max(1, amount // batch)
        self.batch = batch
        fields = {"tokens": tokens(amount)}
        if self.coin(0.3):
            self.steps = steps
            fields = {"steps": self.one(str(steps), f"{steps} steps")}
        fields["context"] = k(context)
        fields["batch"] = f"{sequences} sequences" if batch % 1024 or self.coin(0.3) else binary(batch)
        fields["lr"] = self.rate(model, first)
        fields |= self.some({"optimizer": self.optimizer} if self.optimizer else {}, 0.5)
        fields |= self.some({"rng": self.seed}, 0.2)
        return fields

    def rate(self, model: Model, first: bool) -> str:
        peak = min(3e-3, 2 / model.arch["width"])
        low = f"{peak / 10:.1e}"
        if first or not model.lr:
            warm, curve = "20 steps" if self.steps > 100 else "5%", self.one("cosine", "linear", "sqrt")
            return self.one(
                f"0 ~> {peak:.1e} by {self.one('1%', warm)} ~> {low} by end via {curve}",
                f"{peak:.1e} ~> {low} by end via {self.one(*LR_END)}",
                f"{low} -> {peak / 20:.1e} at 50%",
            )
        return self.one(
            f"{model.lr}.lr.end ~> 1e-10 by end", f"{model.lr}.lr.end", f"{model.lr}.lr.end ~> 0 by end"
        )

    def extras(self, block: Block) -> None:
        """Checkpoints, averages, steps merged with another model's, a layout."""
        if self.coin(0.4):
            fields = {"every": f"{max(1, self.steps // 5)} steps"} | self.some({"keep": "3"})
            block.inner.append(Block("checkpoint", fields=fields))
        if self.coin(0.2):
            fields = {"every": f"{max(1, self.steps // 8)} steps"}
            fields |= self.some({"of": "checkpoints", "start": "40%", "weights": "uniform"}, 0.5)
            block.inner.append(Block("average", fields=fields))
        if self.coin(0.15):
            start = block.fields["from"]
            fields = {"with": start, "base": start, "rate": "1e-7"}
            fields |= self.some({"method": "ties", "reserve": "50%", "every": "4"}, 0.7)
            block.inner.append(Block("merge_back", fields=fields))
        if self.coin(0.2) and "optimizer" not in block.fields:
            fields = {"kind": "adamw", "betas": "[0.9, 0.98]", "eps": "1e-8", "decay": "0.05", "clip": "1.0"}
            fields |= {"skip": "100.0", "base_width": "256"}
            block.inner.append(Block("optimizer", fields=self.some(fields, 0.7)))
        if self.coin(0.2):
            fields = self.some(
                {"dp": "8", "tp": "2", "cp": "2", "pp": "2", "ep": "1", "utilisation": "40%"}, 0.7
            )
            block.inner.append(Block("parallel", fields=fields))
        block.fields |= self.some({"compute": self.one("bf16", "fp32")}, 0.2)

    def stage(
        self,
        kind: str,
        model: Model,
        fields: dict[str, str],
        context: int,
        arch: dict[str, int] | None = None,
    ) -> Model:
        block = self.add(kind, "", {"from": model.name} | fields)
        self.extras(block)
        self.use(model.name)
        self.stages += 1
        self.loose.append(block.name)
        if "lr.end ~> 0 by end" in fields.get("lr", ""):
            block.fields["lr"] = fields["lr"].replace("~> 0 by end", "~> 1e-10 by end")
        return Model(block.name, arch or model.arch, context, block.name)

    def train(self, model: Model, first: bool = False) -> Model:
        context = model.context if not first else self.first
        fields = self.course(model, context, first)
        if first and self.coin(0.4) and fields["batch"].endswith("Mi"):
            double = fields["batch"].removesuffix("Mi")
            fields["batch"] += f" -> {int(double) * 2}Mi at 40%"
        data = self.one(self.diet, f"{self.diet} -> {self.closing} at 60%", self.long)
        fields["data"] = data
        if data == self.long and "tokens" in fields and not first:
            fields = self.passes(fields)
        fields |= self.some({"z_loss": "1e-4", "packing": "best_fit"}, 0.2)
        found = self.stage("train", model, fields, context)
        if self.coin(0.3):
            self.gate(found.name)
        return found

    def passes(self, fields: dict[str, str]) -> dict[str, str]:
        """The same stage with its length in passes over the long corpus, and its batch in tokens."""
        del fields["tokens"]
        self.steps = 6 * 10**9 // self.batch
        whole = binary(self.batch) if self.batch % 1024 == 0 else f"{self.batch} tokens"
        return {"epochs": "0.0001"} | fields | {"batch": whole}

    def gate(self, stage: str) -> None:
        block = next(one for one in self.recipe.blocks() if one.name == stage)
        point = "at data" if "->" in block.fields.get("data", "") and self.coin() else "at end"
        block.more.append(
            f"require {self.benches[0]} >= {self.one('20%', '0.35')} {self.one('within 2% ', '')}{point}"
        )

    def lengthened(self, model: Model) -> Model:
        longer = model.context * 2
        fields = self.course(model, longer)
        if self.coin() and self.steps > 100 and self.batch >= 8 * model.context:
            fields["batch"] = f"{self.batch // longer} sequences"
            if self.batch % 1024 == 0:
                fields["batch"] = (
                    binary(self.batch * 2) if self.batch * 2 % 2**20 == 0 else f"{self.batch * 2 // 1024}Ki"
                )
                fields["context"] = f"{k(longer)} -> {k(longer * 2)} at 50%"
                longer *= 2
        fields["rope"] = str(self.rope(longer))
        fields["data"] = self.one(self.long, self.closing)
        return self.stage("train", model, fields, longer)

    def annealed(self, model: Model) -> Model:
        fields = self.course(model, model.context) | {"data": self.closing}
        return self.stage("train", model, fields, model.context)

    def pruned(self, model: Model) -> Model:
        smaller = dict(model.arch, ffn=model.arch["ffn"] - 64) if model.arch["ffn"] > 128 else None
        if smaller is None or "moe" in model.arch:
            return model
        name = self.name("slim")
        self.add("arch", name, {"ffn": str(smaller["ffn"])}, like=self.arch)
        fields = self.course(model, model.context) | {"to": name, "data": self.diet}
        if "tokens" in fields and self.coin(0.3):
            fields = self.passes(fields | {"data": self.long})
        fields |= self.some({"rope": str(self.rope(model.context))})
        fields |= self.some({"method": "soft_top_k", "axes": "[ffn]"}, 0.5)
        found = self.stage("prune", model, fields, model.context, smaller)
        self.arch = name
        return found

    def distilled(self, model: Model) -> Model:
        """A student of the model: of its own shape, drawn anew."""
        self.teach(model)
        seed = self.name("student")
        self.add("init", seed, {"arch": self.arch, "tokenizer": self.words, "rng": "2"})
        target, cache = self.one(
            ("convex(label: 10%, teacher_top1: 90%)", True),
            ("distribution(temperature: 1.0)", False),
            ("top_k(k: 32, temperature: 2.0)", True),
        )
        start = Model(seed, model.arch, model.context)
        fields = self.course(start, model.context, first=True) | {
            "teacher": model.name,
            "target": target,
            "data": self.diet,
        }
        fields |= {"rope": str(self.rope(model.context))}
        if "tokens" in fields and self.coin(0.3):
            fields = self.passes(fields | {"data": self.long})
        fields |= self.some({"cache": "true"}, 0.5) if cache else self.some({"cache": "false"})
        self.use(model.name)
        self.stages += 1
        return self.stage("distill", start, fields, model.context)

    def teach(self, model: Model) -> None:
        self.teacher = model

    def upcycled(self, model: Model) -> Model:
        if "moe" in model.arch:
            return model
        mixture = dict(model.arch, moe=8)
        name = self.name("mixture")
        experts = {"count": "8", "active": "2", "ffn": "64"}
        experts |= self.some(
            {"shared": "1", "shared_ffn": "128", "renormalise": "true", "balance": "0.01", "every": "1"}, 0.5
        )
        rope = {"rope": str(self.rope(model.context))}  # a new arch brings its own base
        self.add("arch", name, rope, like=self.arch, inner=[Block("experts", fields=experts)])
        sparse = self.name("sparse")
        self.add(
            "upcycle",
            sparse,
            {"from": model.name, "to": name}
            | self.some({"shuffle": "[ffn]", "redraw": "50%", "rng": self.seed}, 0.5),
        )
        self.use(model.name)
        self.stages += 1
        self.arch = name
        return self.train(Model(sparse, mixture, model.context))
