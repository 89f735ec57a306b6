"""`lehr explain kernels`: a row for every case that the choice tells apart."""

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from lehr.cli.door import lehr
from lehr.cli.show_kernels import table
from lehr.kernels.choose import Machine
from lehr.kernels.table import rows

HOPPER = Machine("cuda", (9, 0), "3.9.0")


def test_this_machine_is_told_in_words_and_as_json():
    text, as_json = (
        CliRunner().invoke(lehr, ["explain", "kernels", *form]) for form in ([], ["--format", "json"])
    )
    assert (text.exit_code, as_json.exit_code) == (0, 0)
    cpu = json.loads(as_json.stdout)[0]
    assert cpu["device"] == "cpu"
    for choice in cpu["choices"]:
        assert f"{choice['implementation']} " in text.stdout
        assert choice["reason"] in text.stdout


def test_a_hopper_serves_16_bits_with_kernels_and_fp32_attention_with_torch():
    shown = table("NVIDIA H100", HOPPER, [*rows(HOPPER)]).splitlines()
    assert shown[0].startswith("NVIDIA H100   sm_90, torch 2.")
    window = [line.split() for line in shown if line.strip().startswith("window")]
    assert [line[:4] for line in window] == [
        ["window", "bf16", "fp16", "triton"],
        ["window", "fp32", "sdpa", "the"],
    ]
    capped = [line for line in shown if "soft cap" in line and "fp32" in line]
    assert "reference" in capped[0]
    assert all(row.implementation == "triton" for row in rows(HOPPER) if row.operation == "losses")


def test_without_torch_it_is_a_letter(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("lehr.cli.show_kernels.find_spec", lambda _: None)
    told = CliRunner().invoke(lehr, ["explain", "kernels"])
    assert told.exit_code == 2
    assert "RUN105" in told.stderr
    assert "lehr[train]" in told.stderr


def test_only_kernels_are_told_as_json():
    told = CliRunner().invoke(lehr, ["explain", "distill", "--format", "json"])
    assert (told.exit_code, "only `lehr explain kernels`" in told.stderr) == (2, True)


def test_other_pages_import_no_torch():
    code = "import sys; from lehr.cli import main; sys.argv[1:] = ['explain', 'distill']; main()"
    probe = (
        f"import atexit, sys; atexit.register(lambda: print('torch' in sys.modules, file=sys.stderr)); {code}"
    )
    ran = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=False)
    assert ran.stderr.split()[-1] == "False"
