"""The account of every input."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from ignite.engine import Engine, Events

from common.data import Rejected
from common.handlers import PredictionRecord, ResumeError, finished_inputs
from common.handlers import prediction_record as module
from common.io import RadiographLayout


def item(path: Path, area: float = 0.25, flags: tuple[str, ...] = ()) -> dict[str, Any]:
    image = SimpleNamespace(meta={"filename_or_obj": str(path)})
    return {"image": image, "pred": area, "words": list(flags)}


def columns(one: dict[str, Any]) -> dict[str, Any]:
    return {"area": one["pred"], "flags": one["words"]}


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    (tmp_path / "w.pt").write_bytes(b"weights")
    return tmp_path / "w.pt"


@pytest.fixture
def run(tmp_path: Path, weights: Path) -> Callable[..., PredictionRecord]:
    """Function (batches, options) that runs an engine whose batches have these items and rejections."""

    def build(*batches: tuple[list[Any], list[Rejected]], **options: Any) -> PredictionRecord:
        def step(engine: Engine, batch: Any) -> Any:
            results, engine.state.rejected = batch
            return results

        given = {"columns": columns, "weights": weights, **options}
        record = PredictionRecord(tmp_path / "out", tmp_path / "in", **given)
        engine = Engine(step)
        record.attach(engine)
        engine.run(list(batches))
        return record

    return build


def table(tmp_path: Path) -> pd.DataFrame:
    return pd.read_csv(tmp_path / "out" / "predictions.csv", dtype=str, keep_default_na=False)


def test_every_input_has_a_row(run: Callable[..., PredictionRecord], tmp_path: Path, weights: Path) -> None:
    films = tmp_path / "in"
    bad = Rejected(str(films / "a.png"), "refused", "a CT, of a hand")
    broken = Rejected(str(films / "z.png"), "failed", "OSError: full")
    record = run(
        ([item(films / "site/b.png", 0.5, ("small", "tilted"))], [bad]),
        ([item(films / "c.png")], [broken]),
        settings={"image_size": (256, 256), "inferer": record_like(), "reference": str(tmp_path / "a.json")},
    )
    assert (tmp_path / "out" / "predictions.csv").read_text(encoding="utf-8") == (
        "image,status,reason,flags,area\n"
        'a.png,refused,"a CT, of a hand",,\n'
        "c.png,ok,,,0.25\n"
        "site/b.png,ok,,small tilted,0.5\n"
        "z.png,failed,OSError: full,,\n"
    )
    assert record.counts() == {"ok": 2, "refused": 1, "failed": 1}
    content = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert content["complete"] is True
    assert content["counts"] == record.counts()
    assert content["weights_sha256"] == hashlib.sha256(weights.read_bytes()).hexdigest()
    assert content["settings"] == {"image_size": [256, 256], "inferer": "SimpleNamespace", "reference": "a.json"}
    assert str(tmp_path) not in json.dumps(content), "no path of this machine"


def record_like() -> Any:
    return SimpleNamespace()


def test_bundle_and_version_are_those_of_the_metadata(run: Callable[..., PredictionRecord], tmp_path: Path) -> None:
    root = tmp_path / "my_bundle"
    (root / "configs").mkdir(parents=True)
    run(([item(tmp_path / "in/a.png")], []), bundle_root=root)
    content = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert (content["bundle"], content["version"]) == ("my_bundle", "")
    (root / "configs" / "metadata.json").write_text('{"version": "1.2.3"}', encoding="utf-8")
    run(([item(tmp_path / "in/a.png")], []), bundle_root=root)
    content = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
    assert content["version"] == "1.2.3"


def test_an_interrupted_run_leaves_its_rows(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_EVERY", 0.0)

    def step(engine: Engine, batch: int) -> Any:
        if batch == 2:
            raise KeyboardInterrupt
        engine.state.rejected = []
        return [item(tmp_path / "in" / f"{batch}.png")]

    engine = Engine(step)
    PredictionRecord(tmp_path / "out", tmp_path / "in", columns, weights).attach(engine)
    with pytest.raises(KeyboardInterrupt):
        engine.run([0, 1, 2])
    assert list(table(tmp_path)["image"]) == ["0.png", "1.png"]
    assert json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))["complete"] is False
    assert finished_inputs(tmp_path / "out", weights, resume=True) == {"0.png", "1.png"}


def test_a_resumed_run_keeps_what_is_done_and_replaces_the_rest(
    run: Callable[..., PredictionRecord], tmp_path: Path, weights: Path
) -> None:
    films = tmp_path / "in"
    run(([item(films / "a.png", 0.5)], [Rejected(str(films / "b.png"), "refused", "truncated")]))
    assert finished_inputs(tmp_path / "out", weights, resume=True) == {"a.png"}
    assert finished_inputs(tmp_path / "out", weights, resume=False) == set()
    assert finished_inputs(tmp_path / "nowhere", weights, resume=True) == set()
    run(([item(films / "b.png", 0.75)], []), resume=True)
    assert table(tmp_path).set_index("image")["area"].to_dict() == {"a.png": "0.5", "b.png": "0.75"}
    run(([item(films / "c.png", 0.1)], []))
    assert list(table(tmp_path)["image"]) == ["c.png"]


def test_an_input_without_its_files_is_not_done(
    run: Callable[..., PredictionRecord], tmp_path: Path, weights: Path
) -> None:
    films = tmp_path / "in"
    films.mkdir()
    for name in ("a.png", "b.png"):
        (films / name).write_bytes(b"")
    run(([item(films / "a.png"), item(films / "b.png")], []))
    (tmp_path / "out" / "a_mask.png").write_bytes(b"")
    layout = RadiographLayout(tmp_path / "out", films, postfix="mask")
    options: dict[str, Any] = {"resume": True, "dataset_dir": films, "layouts": [layout]}
    assert finished_inputs(tmp_path / "out", weights, **options) == {"a.png"}


def test_other_weights_and_settings_are_refused(
    run: Callable[..., PredictionRecord], tmp_path: Path, weights: Path
) -> None:
    one = ([item(tmp_path / "in" / "a.png")], [])
    run(one, settings={"threshold": 0.5})
    other = tmp_path / "other.pt"
    other.write_bytes(b"other")
    message = f"{tmp_path}/out/run.json: results of other weights than {other}; choose another output_dir"
    with pytest.raises(ResumeError, match=f"^{re.escape(message)}$"):
        finished_inputs(tmp_path / "out", other, resume=True)
    with pytest.raises(ResumeError, match=r"results of another threshold \(0\.5, now 0\.6\); choose"):
        run(one, settings={"threshold": 0.6}, resume=True)
    run(one, settings={"threshold": 0.5, "new": 1}, resume=True)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("run.json", "", "damaged (Expecting value: line 1 column 1 (char 0)); choose another output_dir"),
        ("run.json", "[]", "not the record of a run; choose another output_dir"),
        ("predictions.csv", "", "damaged (No columns to parse from file); choose another output_dir"),
        ("predictions.csv", "image,flags\na,b\n", "no column status, reason; choose another output_dir"),
        ("predictions.csv", "a,b\n1,2,3\n4,5,6,7\n", "damaged (Error tokenizing data. C error"),
    ],
)
def test_damaged_results_are_refused_in_one_line(
    run: Callable[..., PredictionRecord], tmp_path: Path, weights: Path, name: str, content: str, message: str
) -> None:
    run(([item(tmp_path / "in" / "a.png")], []), settings={"threshold": 0.5})
    (tmp_path / "out" / name).write_text(content)
    with pytest.raises(ResumeError, match=rf"^{re.escape(f'{tmp_path}/out/{name}: {message}')}.*\Z"):
        finished_inputs(tmp_path / "out", weights, resume=True)


def test_the_end_is_told_and_gives_the_exit_status(
    run: Callable[..., PredictionRecord], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    films = tmp_path / "in"
    run(([item(films / "a.png")], [])).exit()
    assert capsys.readouterr().out == f"1 done, 0 refused, 0 failed: {tmp_path}/out/predictions.csv\n"
    record = run(([item(films / "a.png")], [Rejected(str(films / "b.png"), "refused", "a CT")]))
    with pytest.raises(SystemExit) as stop:
        record.exit()
    assert stop.value.code == 3
    assert capsys.readouterr().out.splitlines() == [
        f"1 done, 1 refused, 0 failed: {tmp_path}/out/predictions.csv",
        "refused: b.png: a CT",
    ]


def test_the_table_is_not_written_after_every_batch(
    run: Callable[..., PredictionRecord], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writes: list[int] = []
    original = module.write_csv
    monkeypatch.setattr(module, "write_csv", lambda *args: (writes.append(1), original(*args)))
    run(*[([item(tmp_path / "in" / f"{number}.png")], []) for number in range(50)])
    assert len(writes) < 5
    assert len(table(tmp_path)) == 50


def test_it_counts_while_the_engine_runs(tmp_path: Path, weights: Path) -> None:
    engine = Engine(lambda engine, batch: [item(tmp_path / "in" / f"{batch}.png")])
    engine.add_event_handler(Events.ITERATION_STARTED, lambda engine: setattr(engine.state, "rejected", []))
    record = PredictionRecord(tmp_path / "out", tmp_path / "in", columns, weights)
    record.attach(engine)
    counts: list[int] = []
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: counts.append(record.counts()["ok"]))
    engine.run([0, 1, 1])
    assert counts == [1, 2, 2]
