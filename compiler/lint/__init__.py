"""The linter: one rule per file, in a folder per family.

Comes after the graph: `inspect` hands every rule what its annotation asks for,
`suppress` takes out what the spec allows, `config` says which rules count.
A rule's docstring is its page in the manual, and its example is its first test.
"""
