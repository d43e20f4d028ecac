"""The script at a site: what it does when its training, or the federation, ends early."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("nvflare", reason="NVFlare, of the extra federated, is not installed")

from common.federated import SITE_VARIABLE, FederatedError, FederatedTask, client


class Federation:
    """NVFlare's client of one site: hands out weights for some rounds, then ends or fails."""

    def __init__(self, rounds: int, failure: Exception | None = None) -> None:
        self.rounds = rounds
        self.failure = failure
        self.sent: list[Any] = []

    def init(self) -> None:
        """Nothing to begin."""

    def get_site_name(self) -> str:
        return "north"

    def is_running(self) -> bool:
        return self.failure is not None or len(self.sent) < self.rounds

    def receive(self) -> SimpleNamespace:
        if len(self.sent) >= self.rounds and self.failure is not None:
            raise self.failure
        return SimpleNamespace(params={"weight": np.ones(2)}, current_round=len(self.sent))

    def send(self, model: Any) -> None:
        self.sent.append(model)


class Training:
    """Adds the number of the round to the weights."""

    images = 7

    def __init__(self, *described: Any) -> None:
        self.described = described

    def close(self) -> None:
        """Nothing to end."""

    def train(self, weights: dict[str, Any], number: int) -> dict[str, Any]:
        return {"weight": weights["weight"] + number}


def take_part(federation: Federation, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run the script's only function; returns the site's output folder."""
    site = {"bundles": "bundles", "dataset_dir": "data", "output_dir": "out"}
    (folder / "north.json").write_text(json.dumps(site), encoding="utf-8")
    monkeypatch.setenv(SITE_VARIABLE, str(folder / "north.json"))
    monkeypatch.setattr(client, "flare", federation)
    monkeypatch.setattr(client, "SiteTraining", Training)
    client.serve(FederatedTask("lung_seg").write(folder))
    return folder / "out"


def test_each_round_is_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    federation = Federation(3)
    out = take_part(federation, tmp_path, monkeypatch)
    assert [model.params["weight"][0] for model in federation.sent] == [1, 2, 3]
    assert {model.meta["NUM_STEPS_CURRENT_ROUND"] for model in federation.sent} == {7}
    assert not (out / "error.txt").exists()


def test_the_end_of_a_federation_is_no_error_of_the_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = RuntimeError("request to abort the job for reason 'train' is aborted")
    out = take_part(Federation(1, ended), tmp_path, monkeypatch)
    assert not (out / "error.txt").exists()
    assert "the federation was ended" in (out / "training.log").read_text(encoding="utf-8")


def test_what_fails_at_a_site_is_told_there_and_nowhere_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "error.txt").write_text("of an earlier run")
    with pytest.raises(FederatedError, match=r"^north cannot go on: see error\.txt in its output folder$") as caught:
        take_part(Federation(1, RuntimeError("SECRET_3.png cannot be read")), tmp_path, monkeypatch)
    assert caught.value.__context__ is None
    assert (tmp_path / "out" / "error.txt").read_text(encoding="utf-8") == "RuntimeError: SECRET_3.png cannot be read\n"
    assert "Traceback" in (tmp_path / "out" / "training.log").read_text(encoding="utf-8")
