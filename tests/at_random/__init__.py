"""Whole recipes that are right, drawn at random: every kind of block, call and field, five to forty stages."""

from .recipe import Draw, recipes
from .written import Block, Line, Loop, Recipe

__all__ = ["Block", "Draw", "Line", "Loop", "Recipe", "recipes"]
