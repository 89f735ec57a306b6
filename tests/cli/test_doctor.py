"""`lehr doctor`: what this machine has, for a person and for a program."""

import json
from importlib.metadata import version

import pytest
from click.testing import CliRunner

from lehr.cli import doctor
from lehr.cli.door import lehr


def test_it_tells_versions_the_machine_and_the_extras():
    text = CliRunner().invoke(lehr, ["doctor"]).output
    heads = [line.split()[0] for line in text.splitlines()]
    assert heads[:5] == ["lehr", "machine", "disk", "devices", "[train]"]
    assert f"torch {version('torch')}" in text


def test_what_is_missing_comes_with_its_command(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        doctor, "requires", lambda name: ['nothing-of-the-kind<2; extra == "web"', "click>=8"]
    )
    text = CliRunner().invoke(lehr, ["doctor"]).output
    assert text.splitlines()[-1] == "[web]    missing nothing-of-the-kind: pip install 'lehr[web]'"


def test_json_has_bytes_and_versions():
    found = json.loads(CliRunner().invoke(lehr, ["doctor", "--format", "json"]).output)
    assert found["machine"]["memory"] > 2**28
    assert found["extras"]["train"]["torch"] == version("torch")
    assert "dev" not in found["extras"]
