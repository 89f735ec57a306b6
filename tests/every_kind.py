"""A spec with a block of every kind, each named after its kind."""

SPEC = """\
lehr 1
pipeline every { rng = 3 }
corpus corpus { source = builtin("prose");  tokens = 50M;  examples = 40k }
corpus other  { source = builtin("code");   tokens = 50M }
corpus chats  { source = files("chats/*.jsonl");  tokens = 5M;  examples = 4k }
bench bench { suite = perplexity(other);  context = 256 context }
bench asked { suite = exact_match("questions.jsonl") }
classifier classifier { yes = corpus;  no = other;  kind = hashed_linear() }
curate curate {
  of = corpus
  quality { judge = classifier;  keep = top(40%) }
  decontaminate { against = [asked] }
  limit { tokens = 5M }
}
tokenizer tokenizer { from = [corpus];  vocab = 1024 }
template template { source = "chat.jinja" }
arch arch { layers = 2;  width = 64;  heads = 4;  kv_heads = 2;  ffn = 192;  vocab = tokenizer.vocab;  tied = true }
arch narrow like arch { ffn = 96 }
arch experts like arch { experts { count = 4;  active = 2;  ffn = 48;  shared = 1 } }
optimizer optimizer { decay = 0.1 }
init init { arch = arch;  tokenizer = tokenizer }
load load { path = "models/old";  arch = arch;  tokenizer = tokenizer }
mix mix { corpus = 60%;  other = rest }
train train {
  from = init;  data = mix;  tokens = 1M;  context = 128 context;  batch = 4Ki;  lr = 1e-3 ~> 0 by end
  optimizer = optimizer
  checkpoint { every = 10 steps }
  average { every = 5 steps;  start = 50% }
}
distill distill {
  from = train;  teacher = load;  target = distribution();  data = mix
  tokens = 1M;  context = 128 context;  batch = 4Ki;  lr = 1e-3
}
distill cached like distill { target = top_k(k: 8);  cache = true }
prune prune { from = train;  to = narrow;  data = corpus;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
upcycle upcycle { from = train;  to = experts }
synthesize synthesize { by = train;  seeds = corpus;  template = "question.jinja";  count = 1k examples }
train written { from = train;  data = synthesize;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
train cleaned { from = train;  data = curate;  tokens = 1M;  batch = 4Ki;  lr = 1e-3 }
sft sft { from = train;  data = chats;  epochs = 1;  batch = 32 sequences;  lr = 1e-4 }
prompts prompts { source = files("asks.jsonl");  examples = 1k }
preferences preferences { source = files("pairs.jsonl");  examples = 2k;  batches = 2 }
reward reward { from = sft;  data = preferences.until(2);  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
sample sample { from = sft;  prompts = prompts;  per_prompt = 4;  judge = reward;  keep = extremes }
sample drafts { from = sft;  prompts = prompts;  per_prompt = 2..4;  keep = all }
label label { of = drafts;  by = oracle(shorter) }
dpo dpo { from = sft;  reference = sft;  data = sample;  epochs = 1;  batch = 32 sequences;  lr = 1e-5 }
dpo later like dpo { data = label }
rl rl {
  from = dpo;  reference = sft;  judge = reward;  prompts = prompts;  algorithm = rloo(rollouts: 4)
  steps = 20;  batch = 32 sequences;  lr = 1e-5
}
merge merge { of = [dpo, rl];  base = sft;  method = slerp }
eval eval { of = [dpo, merge];  benches = [bench] }
eval idle { of = [distill, cached, prune, upcycle, written, cleaned, later];  benches = [bench] }
release release { model = merge;  format = huggingface;  template = template }
cluster cluster { device = "H100-SXM";  count = 8;  price = 2.50USD / 1h;  mesh { dp = 8 } }
"""
