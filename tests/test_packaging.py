"""The wheel, as a user without extras gets it: `check` and `plan` work, `run` names the extra."""

import os
import subprocess
import sys
import tomllib
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PARTS = ("cli", "compiler", "runtime", "kernels", "specs")


def folders() -> set[str]:
    found = {path.parent.relative_to(ROOT) for part in PARTS for path in (ROOT / part).rglob("__init__.py")}
    return {".".join(("lehr", *folder.parts)) for folder in found}


def test_every_folder_is_listed_and_nothing_else():
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert set(listed) == folders()
    assert listed == sorted(listed)


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    clean = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    return subprocess.run(command, cwd=cwd, env=clean, capture_output=True, text=True, timeout=600)


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel and the core's dependencies; its `bin` folder."""
    where = tmp_path_factory.mktemp("wheel")
    built = run(
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "--wheel-dir",
        str(where),
        str(ROOT),
        cwd=where,
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = where.glob("lehr-*.whl")
    venv.create(where / "env", with_pip=True)
    bin_folder = where / "env" / "bin"
    done = run(
        str(bin_folder / "python"),
        "-m",
        "pip",
        "install",
        "--quiet",
        "-c",
        str(ROOT / "constraints.txt"),
        str(wheel),
        cwd=where,
    )
    assert done.returncode == 0, done.stderr
    return bin_folder


def test_the_wheel_holds_only_lehr(installed: Path):
    (wheel,) = installed.parent.parent.glob("lehr-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == {
        "lehr",
        next(n for n in names if "dist-info" in n).split("/")[0],
    }
    assert "lehr/specs/quickstart.lehr" in names
    assert "lehr/compiler/front/grammar.lark" in names


def test_torch_is_not_there(installed: Path, tmp_path: Path):
    assert run(str(installed / "python"), "-c", "import torch", cwd=tmp_path).returncode != 0


def test_check_and_plan_work_without_extras(installed: Path, tmp_path: Path):
    spec = tmp_path / "quickstart.lehr"
    spec.write_text((ROOT / "specs" / "quickstart.lehr").read_text())
    checked = run(str(installed / "lehr"), "check", spec.name, cwd=tmp_path)
    assert (checked.returncode, checked.stdout) == (0, ""), checked.stderr
    planned = run(str(installed / "lehr"), "plan", spec.name, cwd=tmp_path)
    assert planned.returncode == 0, planned.stderr
    assert "918 656 params" in planned.stdout


def test_run_names_the_extra(installed: Path, tmp_path: Path):
    spec = tmp_path / "quickstart.lehr"
    spec.write_text((ROOT / "specs" / "quickstart.lehr").read_text())
    found = run(str(installed / "lehr"), "run", spec.name, cwd=tmp_path)
    assert found.returncode == 2
    assert "RUN105" in found.stderr
    assert "pip install 'lehr[train]'" in found.stderr
    assert "Traceback" not in found.stderr
    assert not (tmp_path / "runs").exists()
