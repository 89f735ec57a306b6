"""What is done to a base model."""

from __future__ import annotations

from .models import Models
from .start import Model
from .written import Block, Loop


class Alignment(Models):
    """Post-training: one step after another, alone, side by side and in rounds."""

    def aligning(self, base: Model) -> None:
        """SFT, preferences, sampling, and what follows, until there are stages enough."""
        self.asks = self.name("asks")
        self.add(
            "prompts",
            self.asks,
            {"examples": self.one("2M", "400k")} | self.some({"source": 'files("data/asks.jsonl")'}),
        )
        policy = self.taught(base)
        steps = [
            self.liked,
            self.rejected,
            self.online,
            self.echoed,
            self.labelled,
            self.rounds,
            self.committee,
            self.merged,
            self.seeds,
            self.written,
            self.offline,
        ]
        while self.stages < self.wanted:
            policy = self.random.choice(steps)(policy)

    def examples(self, epochs: bool = True) -> dict[str, str]:
        """Length in passes, a batch in sequences, a small rate."""
        fields = (
            {"epochs": self.one("1", "2", "3")} if epochs else {"steps": str(self.random.randint(40, 900))}
        )
        self.steps = 40
        if self.coin(0.1):
            fields = {"tokens": "200M"}
        fields |= {
            "batch": f"{self.one(16, 32, 64)} sequences",
            "lr": self.one("1e-5", "2e-6 ~> 0 by end", "5e-7"),
        }
        fields |= self.some({"optimizer": self.optimizer} if self.optimizer else {}, 0.3)
        return fields | self.some(
            {"context": "512 context", "rope": str(self.base * 10), "rng": self.seed}, 0.1
        )

    def demos(self) -> str:
        name = self.name("demos")
        self.add("corpus", name, {"examples": self.one("200k", "1M"), "tokens": "1B"})
        return name

    def taught(self, model: Model) -> Model:
        fields = self.examples() | {"data": self.demos()}
        fields |= self.some({"dropout": "10%", "template": self.chat()}, 0.3)
        teacher = self.teacher
        if teacher and teacher.name != model.name and self.coin():
            fields |= {"teacher": teacher.name, "target": "top_k(k: 16)"}
        found = self.stage("sft", model, fields, model.context)
        if self.coin(0.3):
            lora = Block(
                "lora", fields={"rank": "16"} | self.some({"alpha": "32", "targets": "[attention, ffn]"}, 0.5)
            )
            self.recipe.blocks("sft")[-1].inner.append(lora)
        return self.after(found, model)

    def after(self, found: Model, model: Model) -> Model:
        """What became of a policy; it keeps the base that it came from."""
        return Model(found.name, model.arch, model.context, base=model.base or model.name)

    def chat(self) -> str:
        if not self.template:
            self.template = self.name("chat")
            self.add(
                "template",
                self.template,
                {"source": '"templates/chat.jinja"'} | self.some({"stop": '["<|end|>"]'}, 0.5),
            )
        return self.template

    def people(self, batches: int = 1) -> str:
        name = self.name("people")
        fields = {"examples": self.one("80k", "500k")} | ({"batches": str(batches)} if batches > 1 else {})
        self.add("preferences", name, fields | self.some({"source": 'files("data/pairs.jsonl")'}))
        return name

    def judge(self, model: Model, data: str = "") -> Block:
        fields = {"from": model.base, "data": data or self.people()} | self.examples(epochs=self.coin(0.8))
        if self.coin(0.4):
            fields |= {"loss": "soft_label"} | self.some({"levels": "[95%, 85%, 75%, 65%]"}, 0.5)
        else:
            fields |= self.some({"loss": "bradley_terry", "margin": "true"}, 0.4)
        fields |= self.some({"grading": "single_sided(0.1)"}, 0.3)
        fields |= self.some({"template": self.template} if self.template else {})
        block = Block("reward", self.name("judge"), fields)
        self.extras(block)
        return block

    def sampled(self, model: str, judge: str, keep: str, prompts: str = "") -> Block:
        served = 'endpoint("http://127.0.0.1:8000/v1", model: "big")'
        both = f"committee + [{served}]" if model == "committee" else f"[{model}, {served}]"
        origin = model if model[0] == "[" else self.one(model, model, both)
        fields = {"from": origin, "prompts": prompts or self.asks}
        fields["per_prompt"] = self.one("8", "4", "10..30")
        if judge:
            fields["judge"] = judge
        fields["keep"] = keep
        fields |= self.some(
            {
                "temperature": "0.8",
                "top_p": "95%",
                "max_new": "128 tokens",
                "stop": '["\\n\\n", "Q:"]',
                "template": self.chat() if self.template else '""',
                "rng": self.seed,
            },
            0.3,
        )
        if fields.get("template") == '""':
            del fields["template"]
        return Block("sample", self.name("answers"), fields)

    def referee(self, model: Model) -> str:
        """A reward model, a word, or a program."""
        kind = self.one("reward", "reward", "word", "command")
        if kind == "word":
            return self.one("shorter", "well_formed", "exact_answer", "contains", "unit_tests")
        if kind == "command":
            return 'command("grade.py")'
        block = self.judge(model)
        self.recipe.parts.append(block)
        self.stages += 1
        return block.name

    def liked(self, model: Model) -> Model:
        fields = (
            {"reference": model.name, "data": self.people()}
            | self.examples(epochs=self.coin(0.8))
            | self.pairs()
        )
        return self.after(self.stage("dpo", model, fields, model.context), model)

    def pairs(self) -> dict[str, str]:
        fields = self.some({"template": self.template} if self.template else {})
        return fields | self.some(
            {
                "loss": self.one("ipo", "apo_zero", "dpo", "apo_down"),
                "beta": "0.1",
                "length": "mean",
                "nll": "0.2",
                "mask": "[headers, terminators]",
            },
            0.3,
        )

    def rejected(self, model: Model) -> Model:
        keep = self.one("best(1)", "best(2)", "top(25%)")
        answers = self.sampled(model.name, self.referee(model), keep)
        self.recipe.parts.append(answers)
        self.stages += 1
        data = self.one(answers.name, f'{answers.name}.filtered("easy")', f'{answers.name}.upsampled("code")')
        fields = self.examples(epochs="filtered" not in data and "up" not in data and "best" in keep) | {
            "data": data
        }
        return self.after(self.stage("sft", model, fields, model.context), model)

    def offline(self, model: Model) -> Model:
        answers = self.sampled(model.name, self.referee(model), "extremes", f"{self.asks}.part(1, of: 4)")
        self.recipe.parts.append(answers)
        self.stages += 1
        fields = {"reference": model.name, "data": answers.name} | self.examples() | self.pairs()
        return self.after(self.stage("dpo", model, fields, model.context), model)

    def labelled(self, model: Model) -> Model:
        answers = self.sampled(model.name, "", "all")
        answers.fields["per_prompt"] = "4"
        label = self.name("label")
        by = self.one('people("labels/${pipeline.name}")', "oracle(shorter)")
        block = Block(
            "label", label, {"of": answers.name, "by": by} | self.some({"question": '"Which is better?"'})
        )
        self.recipe.parts += [answers, block]
        self.stages += 2
        if self.coin():
            bench = self.name("agrees")
            self.add("bench", bench, {"suite": f"preference({label})"})
            self.benches.append(bench)
        fields = {"reference": model.name, "data": label} | self.examples() | self.pairs()
        return self.after(self.stage("dpo", model, fields, model.context), model)

    def online(self, model: Model) -> Model:
        fields = {"reference": self.one(model.name, "ema(rate: 0.01)"), "judge": self.referee(model)}
        fields |= {
            "prompts": self.asks,
            "algorithm": self.one(
                "reinforce",
                "rloo(rollouts: 4)",
                "mdloo(rollouts: 8, inner: 2)",
                "mdloo(rollouts: 4, inner: 3, gamma: 0.2)",
                "grpo(rollouts: 8, clip: 0.2)",
                "grpo(rollouts: 4, inner: 2)",
                "grpo",
            ),
        }
        fields |= self.examples(epochs=self.coin(0.2))
        fields |= self.some({"template": self.template} if self.template else {})
        fields |= self.some({"kl": "0.05", "temperature": "0.9", "max_new": "128 tokens"}, 0.4)
        fields |= self.some({"length_penalty": "1e-3", "cut_penalty": "0.5"}, 0.3)
        return self.after(self.stage("rl", model, fields, model.context), model)

    def echoed(self, model: Model) -> Model:
        if not self.teacher or self.teacher.name == model.base:
            return self.taught(model)
        divergence = self.one("forward", "reverse", "jensen_shannon")
        beta = "beta: 30%, " if divergence == "jensen_shannon" else ""
        rest = f"divergence: {divergence}, {beta}max_new: 64 tokens, temperature: 0.9"
        data = f"on_policy({self.asks}, {rest})"
        fields = {"teacher": self.teacher.name, "target": "distribution(temperature: 1.0)", "data": data}
        fields |= self.examples(epochs=False)
        found = self.stage("distill", model, fields, model.context)
        return self.after(found, model)

    def written(self, model: Model) -> Model:
        """Text that the model writes, and what is learnt from it."""
        name = self.name("written")
        by = self.one(model.name, model.name, 'endpoint("http://127.0.0.1:8000/v1", model: "big")')
        fields = {"by": by, "seeds": self.corpora[0], "template": '"templates/ask.jinja"', "count": "200k"}
        fields |= self.some(
            {
                "max_new": "64 tokens",
                "temperature": "0.8",
                "keep": self.one("all", "well_formed"),
                "rng": self.seed,
            },
            0.5,
        )
        self.add("synthesize", name, fields)
        self.stages += 1
        fields = self.examples(epochs=False) | {"data": name}
        return self.after(self.stage("sft", model, fields, model.context), model)

    def merged(self, model: Model) -> Model:
        """Two models of two seeds, in one of the five ways."""
        parts = []
        for seed in ("1", "2"):
            fields = self.examples() | {"data": self.demos(), "rng": seed}
            parts.append(self.stage("sft", model, fields, model.context))
        method = self.one("linear", "slerp", "ema", "ties", "dare")
        fields = {"of": f"[{parts[0].name}, {parts[1].name}]", "method": method}
        match method:
            case "linear":
                fields |= {"weights": self.one("uniform", "[30%, 70%]")}
            case "slerp":
                fields |= {"base": model.name} | self.some({"per": "whole"})
            case "ema":
                fields |= {"rate": "0.2"}
            case _:
                fields |= {"base": model.name, "density": "50%"} | self.some({"rng": self.seed})
        block = self.add("merge", "", fields)
        if self.coin(0.3):
            block.more.append(
                f"require {self.benches[0]} >= {model.name}.scores.{self.benches[0]} within 2% at end"
            )
        self.use(parts[0].name, parts[1].name)
        self.loose.append(block.name)
        self.stages += 1
        return self.after(Model(block.name, model.arch, model.context), model)

    def seeds(self, model: Model) -> Model:
        """Policies side by side, merged."""
        run = self.name("run")
        policy = Block(
            "rl",
            "policy",
            {
                "from": model.name,
                "reference": model.name,
                "judge": "shorter",
                "prompts": self.asks,
                "algorithm": "reinforce",
            }
            | self.examples(epochs=False)
            | {"rng": "number_of_run"},
        )
        self.recipe.parts.append(Loop(f"each {run} for number_of_run in [1, 2]", [policy]))
        merge = self.add("merge", "", {"of": f"{run}[*].policy", "method": "linear"})
        self.use(model.name)
        self.loose.append(merge.name)
        self.stages += 3
        return self.after(Model(merge.name, model.arch, model.context), model)

    def rounds(self, model: Model) -> Model:
        """Rounds with a judge, answers, SFT and DPO, as Llama 3 has them."""
        count, post = self.random.randint(2, 3), self.name("post")
        people = self.people(batches=count)
        judge = self.judge(model, f"{people}.until(turn)")
        answers = self.sampled("policy", judge.name, "best(1)")
        answers.fields["rng"] = "turn"
        tuned = Block("sft", self.name("tuned"), {"from": model.base, "data": answers.name} | self.examples())
        liked = Block(
            "dpo",
            self.name("liked"),
            {"from": tuned.name, "reference": tuned.name, "data": f"{people}.latest(turn)"} | self.examples(),
        )
        loop = Loop(
            f"repeat {post} for turn in 1..{count} carry policy = {model.name}",
            [judge, answers, tuned, liked],
            [f"next policy = {liked.name}"],
        )
        self.recipe.parts.append(loop)
        self.use(model.name, model.base)
        self.stages += 4 * count
        self.loose.append(f"{post}.policy")
        return self.after(Model(f"{post}.policy", model.arch, model.context), model)

    def committee(self, model: Model) -> Model:
        """A committee that teaches its successors, as AFM has it."""
        lessons = self.name("lessons")
        judge = self.judge(model)
        self.recipe.parts.append(judge)
        answers = self.sampled("committee", judge.name, "best(1)")
        tuned = Block("sft", self.name("tuned"), {"from": model.base, "data": answers.name} | self.examples())
        tail = [f"next committee = top(2, committee + [{tuned.name}], by: {judge.name})"]
        loop = Loop(
            f"repeat {lessons} for lesson in 1..2 carry committee = [{model.name}]", [answers, tuned], tail
        )
        self.recipe.parts.append(loop)
        best = self.name("best")
        self.line(f"let {best} = top(1, {lessons}.committee, by: {judge.name})")
        self.use(model.name, model.base)
        self.stages += 5
        return self.after(
            self.stage(
                "sft",
                Model(best, model.arch, model.context),
                self.examples() | {"data": self.demos()},
                model.context,
            ),
            model,
        )
