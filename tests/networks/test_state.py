"""Files of tensors, or one line that says what lies there instead."""

from __future__ import annotations

import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from common.networks import WeightsError, read_state, read_tensors

STATE = {"weight": torch.tensor([[1.0, 2.5]]), "bias": torch.tensor([3.0]), "count": torch.tensor(7)}
BROKEN = "not a file of plain tensors, or a damaged one"


def saved(content: Any, **options: Any) -> Callable[[Path], None]:
    return lambda path: torch.save(content, path, **options)


def written(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def cut(share: float, **options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        torch.save(STATE, path, **options)
        content = path.read_bytes()
        path.write_bytes(content[: int(share * len(content))])

    return write


def spoilt(path: Path) -> None:
    """A tensor's record without the signature that starts it; the archive around it is whole."""
    torch.save(STATE, path)
    content = bytearray(path.read_bytes())
    place = content.index(b"PK\x03\x04", content.index(b"data/0"))
    content[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(bytes(content))


class Hostile:
    """An object that would run code when it is unpickled."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('executed')",))


@pytest.mark.parametrize("content", [STATE, {"model": STATE}, nn.ParameterDict(STATE | {"count": torch.tensor(7.0)})])
@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_states_come_back_as_they_were_saved(tmp_path: Path, content: Any, options: dict[str, bool]) -> None:
    state = content.state_dict() if isinstance(content, nn.Module) else content
    torch.save(state, tmp_path / "w.pt", **options)
    found = read_state(tmp_path / "w.pt")
    assert {name: tensor.tolist() for name, tensor in found.items()} == {
        **{"weight": [[1.0, 2.5]], "bias": [3.0], "count": 7},
    }


def test_half_precision_becomes_single_and_the_rest_stays(tmp_path: Path) -> None:
    kinds = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.bool]
    torch.save({str(kind): torch.tensor([0.5, 2.0]).to(kind) for kind in kinds}, tmp_path / "w.pt")
    found = [tensor.dtype for tensor in read_state(tmp_path / "w.pt").values()]
    assert found == [torch.float32, torch.float32, *kinds[2:]]
    assert read_state(tmp_path / "w.pt")["torch.float16"].tolist() == [0.5, 2.0]


def test_checkpoints_may_hold_more_than_tensors(tmp_path: Path) -> None:
    content = {"trainer": {"epoch": 3}, "curves": [{"loss": 0.5, "name": "a"}], "network": STATE}
    torch.save(content, tmp_path / "last.pt")
    found = read_tensors(tmp_path / "last.pt")
    assert found["trainer"] == {"epoch": 3}
    assert torch.equal(found["network"]["weight"], STATE["weight"])


@pytest.mark.parametrize(
    ("write", "found"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.mkdir(), "a folder, not a file"),
        (written(b""), "an empty file"),
        (written(b"weights"), BROKEN),
        (written(b"\x89PNG\r\n\x1a\n" + bytes(100)), BROKEN),
        (written(pickle.dumps({"weight": np.zeros(2)})), BROKEN),
        (saved(Hostile()), "objects that are no tensors (builtins.exec)"),
        (saved(nn.Linear(2, 1)), "objects that are no tensors (torch.nn.modules.linear.Linear)"),
        (saved(nn.Linear(2, 1), _use_new_zipfile_serialization=False), BROKEN),
        (lambda path: torch.jit.script(nn.Linear(2, 1)).save(str(path)), "a TorchScript archive"),
        (cut(0.5), BROKEN),
        (cut(0.5, _use_new_zipfile_serialization=False), BROKEN),
        (cut(0.99, _use_new_zipfile_serialization=False), BROKEN),
        (spoilt, BROKEN),
    ],
)
def test_what_is_no_file_of_tensors_is_one_line(tmp_path: Path, write: Callable[[Path], None], found: str) -> None:
    path = tmp_path / "w.pt"
    write(path)
    message = f"{path}: {found}. Accepted: a file of tensors written by torch.save."
    for read in (read_tensors, read_state):
        with pytest.raises(WeightsError, match=f"^{re.escape(message)}$"):
            read(path)


@pytest.mark.parametrize("options", [{}, {"_use_new_zipfile_serialization": False}])
def test_broken_bytes_never_lead_to_another_error(tmp_path: Path, options: dict[str, bool]) -> None:
    path = tmp_path / "w.pt"
    torch.save(STATE, path, **options)
    content, rng = path.read_bytes(), np.random.default_rng(0)
    messages: list[str] = []
    for _ in range(60):
        broken = bytearray(content)
        for place in rng.integers(0, len(content), 8):
            broken[place] = rng.integers(0, 256)
        path.write_bytes(bytes(broken))
        try:
            read_state(path)
        except WeightsError as error:
            messages.append(str(error))
    assert len(messages) > 10
    assert [text for text in messages if not text.startswith(f"{path}: ") or "\n" in text] == []


@pytest.mark.parametrize(
    ("content", "found"),
    [
        ([STATE], "not a state_dict but a list"),
        (STATE["weight"], "not a state_dict but a Tensor"),
        ({"weight": STATE["weight"], "epoch": 3}, "not a state_dict: epoch is a int"),
        ({"model": {"a": {}}}, "not a state_dict: a is a dict"),
        ({}, "not a state_dict: it is empty"),
    ],
)
def test_what_is_no_state_dict_is_one_line(tmp_path: Path, content: Any, found: str) -> None:
    path = tmp_path / "w.pt"
    torch.save(content, path)
    message = f"{path}: {found}. Accepted: a file written by torch.save(network.state_dict(), path)."
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}$"):
        read_state(path)


def test_a_file_without_permission_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Simulated: an administrator may read everything."""

    def deny(self: Path, *arguments: Any) -> None:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "open", deny)
    message = f"{tmp_path}/w.pt: no permission to read this file. Accepted: files that you may read."
    with pytest.raises(WeightsError, match=f"^{re.escape(message)}$"):
        read_state(tmp_path / "w.pt")
