"""Rules about a spec and its past; `lehr diff --breaking` asks them."""
