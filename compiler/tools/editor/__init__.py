"""What editors want: a TextMate grammar, and the folder of a VS Code extension round it."""

from __future__ import annotations

import json

from .textmate import grammar

__all__ = ["files", "grammar"]


def files(version: str) -> dict[str, str]:
    """The extension's files by path."""
    made: dict[str, object] = {
        "package.json": {
            "name": "lehr",
            "displayName": "Lehr",
            "description": "Colours for LLM training pipelines written in Lehr",
            "version": version,
            "engines": {"vscode": "^1.75.0"},
            "categories": ["Programming Languages"],
            "contributes": {
                "languages": [
                    {
                        "id": "lehr",
                        "aliases": ["Lehr"],
                        "extensions": [".lehr"],
                        "configuration": "./language-configuration.json",
                    }
                ],
                "grammars": [
                    {
                        "language": "lehr",
                        "scopeName": "source.lehr",
                        "path": "./syntaxes/lehr.tmLanguage.json",
                    }
                ],
            },
        },
        "language-configuration.json": {
            "comments": {"lineComment": "#"},
            "brackets": [["{", "}"], ["[", "]"], ["(", ")"]],
            "autoClosingPairs": [["{", "}"], ["[", "]"], ["(", ")"], ['"', '"']],
            "surroundingPairs": [["{", "}"], ["[", "]"], ["(", ")"], ['"', '"']],
            "indentationRules": {
                "increaseIndentPattern": r"\{\s*(#.*)?$",
                "decreaseIndentPattern": r"^\s*\}",
            },
        },
        "syntaxes/lehr.tmLanguage.json": grammar(),
    }
    return {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in made.items()}
