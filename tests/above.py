"""What stands above every example of a page: corpora, a model, and a stage that trains it."""

ABOVE = """\
lehr 1
pipeline recipe {}
corpus web  { source = builtin("prose") }
corpus code { source = builtin("code") }
tokenizer words { from = [web, code];  vocab = 1024 }
arch small { layers = 2;  width = 64;  heads = 4;  kv_heads = 2;  ffn = 192;  vocab = words.vocab }
init newborn { arch = small;  tokenizer = words }
mix diet { web = 60%;  code = rest }
train grown { from = newborn;  data = diet;  tokens = 1M;  context = 1k;  batch = 4Ki;  lr = 1e-3 }
"""
