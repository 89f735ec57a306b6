"""Who may import whom: the layer contract, read from the code itself."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = ("cli", "compiler", "runtime", "kernels")

COMPILER = {"compiler.text", "compiler.units", "compiler.diagnostics"}
PLAN = {"compiler.plan.model", "compiler.plan.library", "compiler.plan.files"}

# Longest name first wins: what a layer may import besides the standard library and itself.
CONTRACT: dict[str, set[str]] = {
    "compiler.text": set(),
    "compiler.units": set(),
    "compiler.diagnostics": {"compiler.text"},
    "compiler.front": COMPILER | {"lark"},
    "compiler.graph": COMPILER | {"compiler.front", "pydantic"},
    "compiler.plan": COMPILER | {"compiler.graph", "pydantic"},
    "compiler.plan.model": {"pydantic"},
    "compiler.plan.library": set(),
    "compiler.plan.files": {"compiler.plan.model"},
    "compiler.errors": set(),
    "compiler.lint": COMPILER | {"compiler.errors", "compiler.front", "compiler.graph", "pydantic"},
    "compiler.journey": COMPILER | {"compiler.front", "compiler.graph", "compiler.lint"},
    "compiler.tools": COMPILER
    | {"compiler.front", "compiler.graph", "compiler.lint", "compiler.plan", "pydantic", "jinja2"},
    "compiler": {"compiler"},
    "kernels": {"torch", "triton"},
    "runtime.errors": set(),
    "runtime.store": PLAN | {"runtime.errors", "torch", "safetensors"},
    "runtime.parts": PLAN | {"runtime.errors", "kernels", "torch", "safetensors", "tokenizers", "pyarrow"},
    "runtime.parts.chat": PLAN | {"runtime.errors", "runtime.parts", "torch", "tokenizers", "jinja2"},
    "runtime.parts.sampling": PLAN | {"runtime.errors", "runtime.parts", "torch", "jinja2"},
    "runtime.parts.suites": PLAN | {"runtime.errors", "runtime.parts", "kernels", "torch", "lm_eval"},
    "runtime.stages": PLAN
    | {"runtime.errors", "runtime.parts", "runtime.store", "torch", "tokenizers", "pyarrow"},
    "runtime.engine": PLAN
    | {"runtime.errors", "runtime.stages", "runtime.store", "runtime.parts.seeds", "torch", "pydantic"},
    "runtime": set(),
    "cli": {"compiler", "runtime", "kernels.table", "kernels.choose", "torch", "click", "pydantic", "rich"},
    "cli.reports": {"cli", "compiler", "runtime", "jinja2", "markupsafe"},
}


def _modules() -> Iterator[tuple[str, Path]]:
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


def _imports(name: str, path: Path) -> Iterator[str]:
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            module = ".".join([*base, node.module] if node.module else base)
            yield module if node.module else ""
            yield from (f"{module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def _layer(name: str) -> str:
    return max((layer for layer in CONTRACT if name == layer or name.startswith(layer + ".")), key=len)


def _is_under(name: str, layers: set[str]) -> bool:
    return any(name == layer or name.startswith(layer + ".") for layer in layers)


def _is_module(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or (path / "__init__.py").is_file()


OUTSIDE = {
    "torch",
    "triton",
    "safetensors",
    "tokenizers",
    "pyarrow",
    "lm_eval",
    "pydantic",
    "lark",
    "jinja2",
    "click",
    "rich",
}
MODULES = dict(_modules())


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports_only_what_its_layer_may(name: str):
    layer = _layer(name)
    allowed = CONTRACT[layer] | {layer}
    reached = [
        found
        for found in _imports(name, MODULES[name])
        if found.split(".")[0] in OUTSIDE
        or (found.split(".")[0] in FOLDERS and _is_module(found) and found not in FOLDERS)
    ]
    strangers = [
        found for found in reached if not _is_under(found, allowed) and not _is_package_of(found, allowed)
    ]
    assert strangers == []


def _is_package_of(name: str, layers: set[str]) -> bool:
    """`from ..compiler import plan` names a package on the way to an allowed module."""
    return any(layer.startswith(name + ".") for layer in layers)


def test_absolute_imports_of_our_own_package_are_not_used():
    strangers = [
        (name, found)
        for name, path in MODULES.items()
        for found in _imports(name, path)
        if found == "lehr" or found.startswith("lehr.")
    ]
    assert strangers == []
