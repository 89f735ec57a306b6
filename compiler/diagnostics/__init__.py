"""Diagnostics: the letter, the renderers, and the nearest names."""
