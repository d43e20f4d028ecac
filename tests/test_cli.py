"""Short errors and refused options of the command line."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fire.parser import DefaultParseValue
from monai.bundle.scripts import update_kwargs

from common.cli import as_written, guard_command_line, refused_option
from common.errors import UsageError, causes, explain, print_short


@pytest.fixture
def config(tmp_path: Path) -> str:
    """A configuration and an overlay, as the command line names them."""
    (tmp_path / "a.yaml").write_text("batch_size: 4\ntrain:\n  trainer: 1\n")
    (tmp_path / "b.yaml").write_text("cosine: true\n+imports:\n- $import os\ntrain#sampler: 2\n")
    return f"['{tmp_path}/a.yaml','{tmp_path}/b.yaml']"


@pytest.fixture
def monai_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Function that makes this process look like ``python -m monai.bundle ARGUMENTS``; all is undone afterwards."""
    hook, factory = sys.excepthook, logging.getLogRecordFactory()

    def pretend(*arguments: str) -> None:
        monkeypatch.setattr(sys, "argv", ["/env/site-packages/monai/bundle/__main__.py", *arguments])

    yield pretend
    sys.excepthook = hook
    logging.setLogRecordFactory(factory)


def raised(build: Callable[[], None]) -> BaseException:
    with pytest.raises(BaseException) as caught:  # noqa: PT011
        build()
    return caught.value


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["verify_metadata", "--meta_file", "m.json", "--whatever", "1"],
        ["run", "--config_file", "{}"],
        ["run", "--config_file={}", "--batch_size=3"],
        ["run", "--config_file", "{}", "--batch_size", "3", "--train#trainer#max_epochs", "2"],
        ["run", "--config_file", "{}", "--train::trainer", "2", "--cosine", "True", "--+train", "[]"],
        ["run", "--config_file", "{}", "--meta_file", "m", "--logging_file", "l", "--run_id", "run", "--init_id", "i"],
        ["run", "--config_file", "{}", "--tracking", "mlflow", "--experiment_name", "x", "--tracking_uri", "u"],
        ["run", "--config_file", "{}", "--batch_size", "-1"],
        ["run", "--config_file", "{}", "-batch_size", "3"],
        [
            "run",
            "--config_file",
            "{}",
            "--batch_size",
            "$None",
            "--cosine=None of these",
            "--train",
            "{{'trainer': None}}",
        ],
        ["run", "--config_file", "{}", "--run_id", "None", "--logging_file=None"],
        ["verify_metadata", "--hash_val", "None"],
    ],
)
def test_known_options_pass(config: str, arguments: list[str]) -> None:
    assert refused_option([item.format(config) for item in arguments]) is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batchsize", "3"], "unknown option --batchsize: no such id in {}; did you mean --batch_size?"),
        (["--zzz=3"], "unknown option --zzz: no such id in {}"),
        (["--tran#trainer", "3"], "unknown option --tran#trainer: no such id in {}; did you mean --train?"),
        (["--experiment_name", "x"], "unknown option --experiment_name: no such id in {}"),
        (["--cosine", "true"], "write True or False: the command line takes Python's values, and would take true for"),
        (["--cosine=false"], "write True or False: "),
    ],
)
def test_other_options_are_named(config: str, arguments: list[str], message: str) -> None:
    found = refused_option(["run", "--config_file", config, *arguments])
    assert found is not None
    assert found.startswith(message.format(config))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--batch_size", "None"], "--batch_size None would have no effect: write --batch_size '$None'"),
        (["--batch_size=None"], "--batch_size None would have no effect: write --batch_size '$None'"),
        (["-batch_size", "None"], "--batch_size None would have no effect: write --batch_size '$None'"),
        (["--cosine", "(None)"], "--cosine (None) would have no effect: write --cosine '$None'"),
        (["--train#trainer", "None"], "--train#trainer None would have no effect: write --train#trainer '$None'"),
        (["--+train", "None"], "--+train None would have no effect: write --+train '$None'"),
        (["--cosine", "null"], "--cosine null would be taken for a text: write --cosine '$None'"),
    ],
)
def test_nothing_has_to_be_written_as_an_expression(config: str, arguments: list[str], message: str) -> None:
    """The command line hands None on, and the workflow takes it for an option that was not given."""
    assert refused_option(["run", "--config_file", config, *arguments]) == message
    assert refused_option(["run", "--args_file", "a.json", *arguments]) == message


@pytest.mark.parametrize("text", ["None", "(None)", "None # nothing"])
def test_the_command_line_drops_what_is_refused(config: str, text: str) -> None:
    """The reason for the refusal, shown on MONAI itself: should it end, the refusal can go."""
    settings = update_kwargs(config_file=config, batch_size=DefaultParseValue(text))
    assert "batch_size" not in settings
    assert update_kwargs(batch_size=DefaultParseValue("$None")) == {"batch_size": "$None"}


def test_one_file_needs_no_list(config: str, tmp_path: Path) -> None:
    found = refused_option(["run", "--config_file", str(tmp_path / "a.yaml"), "--cosine", "True"])
    assert found == f"unknown option --cosine: no such id in {tmp_path}/a.yaml"


def test_the_guard_acts_on_the_command_line_only(config: str, monai_process: Callable[..., None]) -> None:
    hook = sys.excepthook
    guard_command_line()
    assert sys.excepthook is hook
    monai_process("run", "--config_file", config, "--batch_size", "3")
    guard_command_line()
    assert sys.excepthook is print_short
    monai_process("run", "--config_file", config, "--cosine=None")
    with pytest.raises(SystemExit, match=r"error: --cosine None would have no effect: write --cosine '\$None'"):
        guard_command_line()
    monai_process("run", "--config_file", config, "--batch", "3")
    with pytest.raises(SystemExit, match=r"error: unknown option --batch: .*did you mean --batch_size\?"):
        guard_command_line()


def test_logs_lose_the_traceback_of_what_is_explained(
    config: str, monai_process: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monai_process("run", "--config_file", config)
    guard_command_line()

    def record(error: Exception) -> logging.LogRecord:
        info = (type(error), error, error.__traceback__)
        return logging.getLogger("of.a.test").makeRecord("of.a.test", logging.ERROR, "f", 1, "text", (), info)

    assert record(UsageError("no such folder")).exc_info is None
    assert record(ZeroDivisionError()).exc_info is not None
    monkeypatch.setenv("CXR_TRACEBACK", "1")
    assert record(UsageError("no such folder")).exc_info is not None


def test_an_error_of_use_is_found_below_what_wraps_it() -> None:
    def fail() -> None:
        try:
            raise UsageError("films: no such folder")
        except UsageError as error:
            raise RuntimeError("Failed to evaluate ConfigExpression: \n '$x'") from error

    error = raised(fail)
    assert [type(item) for item in causes(error)] == [RuntimeError, UsageError]
    assert explain(error) == "films: no such folder"


def test_what_was_suppressed_is_no_cause() -> None:
    def fail() -> None:
        try:
            try:
                raise UsageError("the name of a patient")
            except UsageError:
                raise ValueError("a damaged file") from None
        except ValueError as error:
            raise RuntimeError("applying transform <a.B>") from error

    error = raised(fail)
    assert [type(item) for item in causes(error)] == [RuntimeError, ValueError]
    assert explain(error) == "applying transform <a.B>: ValueError: a damaged file"


def test_the_operating_system_is_quoted() -> None:
    def fail() -> None:
        try:
            Path("/proc/nowhere/file").write_text("x")
        except OSError as error:
            raise RuntimeError("Failed to evaluate ConfigExpression") from error

    assert explain(raised(fail)) == "/proc/nowhere/file: No such file or directory"
    assert explain(OSError(28, "No space left on device", "out/mask.png")) == "out/mask.png: No space left on device"
    assert explain(OSError(28, "No space left on device")) == "No space left on device"
    assert explain(OSError("something of a library")) is None


@pytest.mark.parametrize(
    ("outer", "expected"),
    [
        (
            "Failed to instantiate component 'a.B' with keywords: c\n set '_mode_=debug'",
            "Failed to instantiate component 'a.B' with keywords: c: ValueError: c must be 1",
        ),
        ("Failed to evaluate ConfigExpression: \n '$@x()'", "ValueError: c must be 1"),
        ("applying transform <a.B>", "applying transform <a.B>: ValueError: c must be 1"),
        ("something else", None),
    ],
)
def test_configurations_give_the_place_and_the_cause(outer: str, expected: str | None) -> None:
    def fail() -> None:
        try:
            raise ValueError("c must be 1\nand more")
        except ValueError as error:
            raise RuntimeError(outer) from error

    assert explain(raised(fail)) == expected


def test_other_errors_keep_their_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    error = ZeroDivisionError("division by zero")
    assert explain(error) is None
    print_short(type(error), error, None)
    assert capsys.readouterr().err == "ZeroDivisionError: division by zero\n"


def test_interruptions_and_references_are_one_line() -> None:
    assert explain(KeyboardInterrupt()) == "interrupted"
    missing = ValueError("the referring item `@wights` is not defined in the config content.")
    assert explain(missing) == str(missing)


def test_what_is_printed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    error = UsageError("films: no such folder")
    print_short(UsageError, error, None)
    assert capsys.readouterr().err == "error: films: no such folder\n"
    full = OSError(28, "No space left on device", "out")
    print_short(OSError, full, None)
    assert capsys.readouterr().err == ("error: out: No space left on device\n(set CXR_TRACEBACK=1 for the traceback)\n")
    monkeypatch.setenv("CXR_TRACEBACK", "1")
    print_short(UsageError, error, None)
    assert capsys.readouterr().err == "common.errors.UsageError: films: no such folder\n"


def test_a_configuration_as_it_is_written(tmp_path: Path, monai_process: Callable[..., None]) -> None:
    (tmp_path / "a.yaml").write_text(
        "rate: 1\nloss:\n  _target_: a.Loss\n  weight: '@rate'\ntrain:\n  trainer: {n: 1}\n"
    )
    (tmp_path / "b.yaml").write_text("+loss:\n  gamma: 2\n")
    files = f"['{tmp_path}/a.yaml','{tmp_path}/b.yaml']"
    monai_process("run", "--config_file", files, "--loss#gamma", "0.5", "--train::trainer={'n':3}", "--meta_file", "m")
    loss = {"_target_": "a.Loss", "weight": "@rate", "gamma": 0.5}
    assert as_written(["loss", "optimizer"]) == {"loss": loss, "train::trainer": {"n": 3}}
    monai_process("run", f"--config_file={tmp_path}/a.yaml", "--rate", "fast", "--loss", "{'_target_': 'b'}")
    assert as_written(["rate", "loss"]) == {"rate": "fast", "loss": {"_target_": "b"}}


def test_a_program_of_another_kind_has_no_configuration(config: str, monai_process: Callable[..., None]) -> None:
    assert as_written(["batch_size"]) == {}
    monai_process("run", "--args_file", "a.json")
    assert as_written(["batch_size"]) == {}
