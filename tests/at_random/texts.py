"""Corpora, curation, tokenizers and mixes."""

from __future__ import annotations

from .start import Start
from .written import Block


class Texts(Start):
    """Data, large enough for everything that comes."""

    def yardsticks(self) -> None:
        """Benches that ask no more context than every model has."""
        kinds = {
            "exact_match": 'exact_match("data/sums.jsonl", questions: 100, max_new: 8 tokens)',
            "multiple_choice": 'multiple_choice("data/core.jsonl", shots: 5)',
            "needle": "needle(depths: 8, lengths: 3)",
            "haystack": "needle(corpus: hay)",
            "harness": 'harness("sums", folder: "data/tasks", shots: 2, limit: 100)',
        }
        for kind in self.random.sample(list(kinds), self.random.randint(1, 3)):
            name = self.name(kind)
            suite = kinds[kind].replace("hay)", f"{self.haystack()})") if kind == "haystack" else kinds[kind]
            self.add("bench", name, {"suite": suite} | self.some({"context": "256 context"}, 0.5))
            self.benches.append(name)

    def haystack(self) -> str:
        """A corpus that needles are hidden in and that nobody trains on."""
        return self.add("corpus", self.name("hay"), {"source": 'builtin("prose")', "tokens": "1T"}).name

    def texts(self) -> None:
        """Corpora large enough for everything, raw or curated, a tokenizer, and mixes of them."""
        self.corpora: list[str] = []
        for _ in range(self.random.randint(2, 4)):
            source = self.one(
                'files("data/${pipeline.name}/*.jsonl")',
                'builtin("prose")',
                'builtin(name: "skills", wrong: 10%)',
                "synthetic(seed: 3)",
            )
            fields = {"source": source, "tokens": f"{self.random.randint(40, 90)}T"}
            fields |= self.some(
                {
                    "text": '"body"',
                    "license": '"CC-BY-4.0"',
                    "examples": "9B",
                    "manifest": '"data/counts.json"',
                    "max_bad": "3",
                }
            )
            name = self.name("corpus")
            if self.coin(0.4):
                fields["contains"] = f"[{self.benches[0]}]"
            self.add("corpus", name, fields)
            self.corpora.append(self.curated(name) if "contains" in fields or self.coin(0.3) else name)
        self.long = self.name("books")
        self.add("corpus", self.long, {"tokens": "60T", "lengths": "4k..1M"})
        self.words = self.name("words")
        self.vocab = self.one(512, 1024, 4096, 32_000, 64_000, 128_000)
        fields = {"vocab": str(self.vocab)}
        if self.coin(0.7):
            fields = {"from": f"[{', '.join(self.corpora[:2])}]"} | fields
            fields |= self.some(
                {
                    "kind": "bpe",
                    "digits": self.one("split", "keep"),
                    "sample": "1MiB",
                    "specials": '["<|pad|>", "<|begin|>", "<|end|>", "<|turn|>"]',
                }
            )
        else:
            fields = {"source": '"tokenizers/ready.json"'} | fields
            fields |= self.some({"begin": '"<s>"', "end": '"</s>"'})
        self.add("tokenizer", self.words, fields)
        self.diet, self.closing = self.mix(), self.mix()

    def mix(self) -> str:
        """Every corpus with a share that is never nothing; one is `rest`, or glides against it."""
        name, shares = self.name("mix"), {}
        left = 100
        for corpus in self.corpora:
            share = self.random.randint(5, max(6, left // 2))
            left -= share
            shares[corpus] = f"{share}%"
            if self.coin(0.25) and share > 8:
                shares[corpus] = f"{share}% ~> {share - 3}% by {self.one('end', '80%')}"
        shares[self.long] = (
            "rest" if any("~>" in one for one in shares.values()) or self.coin() else f"{left}%"
        )
        self.add("mix", name, shares)
        return name

    def curated(self, corpus: str) -> str:
        """A corpus after some steps; among them one that takes the benches' questions out."""
        steps = [
            Block("robots", fields={"agent": '"lehr"'} | self.some({"missing": "drop"})),
            Block("extract", fields=self.some({"keep": "[code, formulas, tables]"}, 0.7)),
            Block("language", fields={"keep": '["en", "de"]'} | self.some({"least": "70%"})),
            Block(
                "heuristics",
                fields=self.some(
                    {
                        "rules": "[gopher, llama3]",
                        "words": "50..100k",
                        "mean_word": "3..10",
                        "symbols": "10%",
                        "lines_end_with_punctuation": "12%",
                        "repeated_lines": "20%",
                        "token_divergence": "2.5",
                        "language": '"en"',
                        "bullets": "80%",
                        "ellipses": "20%",
                        "letters": "75%",
                        "stop_words": "1",
                        "duplicate_lines": "25%",
                        "duplicate_paragraphs": "25%",
                        "duplicate_line_characters": "15%",
                        "duplicate_paragraph_characters": "15%",
                        "top_grams": "[20%, 15%, 15%]",
                        "repeated_grams": "[15%, 14%, 13%, 12%, 11%, 10%]",
                        "sentences": "3",
                        "line_words": "2",
                        "longest_word": "500",
                        "short_lines": "70%",
                        "short_line": "25",
                        "line_breaks": "0.25",
                        "line_repetition": "60%",
                    },
                    0.5,
                ),
            ),
            Block(
                "pii",
                fields=self.some(
                    {"emails": "drop", "addresses": "replace", "keys": "drop", "phones": "keep"}, 0.7
                ),
            ),
            Block(
                "dedup",
                fields={
                    "by": self.one(
                        "url",
                        "exact()",
                        f"minhash(shingle: 5, bands: {self.one(14, 20)}, rows: 8)",
                        "lines(more_than: 6, per: 30M examples)",
                    )
                },
            ),
            Block("safety", fields=self.some({"most": "0.1%", "words": '"words.txt"'}, 0.7)),
        ]
        chosen = self.random.sample(steps, self.random.randint(2, len(steps)))
        if self.coin(0.6):
            judge = self.name("classifier")
            model = self.one(
                "hashed_linear(features: 256k)", "fasttext(dims: 64, ngrams: 2)", "hashed_linear()"
            )
            good = self.corpora[0] if self.corpora else self.fresh()
            self.add(
                "classifier",
                judge,
                {"yes": good, "no": corpus, "kind": model} | self.some({"holdout": "10%", "rng": self.seed}),
            )
            chosen.append(Block("quality", fields={"judge": judge, "keep": self.one("top(40%)", "0.5")}))
            self.stages += 1
        fields = {"against": f"[{', '.join(self.benches)}]"}
        fields |= self.some({"grams": self.one("13", "4..13"), "common": "1000", "lcs": "60%"}, 0.5)
        chosen.append(Block("decontaminate", fields=fields))
        limit = {"tokens": "38T"} | self.some({"examples": "5B", "rng": self.seed})
        chosen.append(Block("limit", fields=limit))
        name = self.name("clean")
        self.add("curate", name, {"of": corpus} | self.some({"workers": "8"}), inner=chosen)
        self.stages += 1
        return name

    def fresh(self) -> str:
        name = self.name("essays")
        self.add("corpus", name, {"source": 'builtin("code")', "tokens": "50T"})
        return name
