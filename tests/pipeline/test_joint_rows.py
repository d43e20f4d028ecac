"""One row a radiograph from the rows of several parts."""

from __future__ import annotations

from common.pipeline.joint import join_rows, joint_columns


def row(status: str = "ok", reason: str = "", flags: str = "", **columns: object) -> dict[str, object]:
    return {"image": "i", "status": status, "reason": reason, "flags": flags, **columns}


def test_joined_rows() -> None:
    refused = row("refused", "a constant picture")
    lungs = {
        "all.png": row(flags="low no_lungs", area=0.2),
        "bad.png": refused,
        "cls.png": row(area=0.3),
        "two.png": row("failed", "ValueError: x"),
        "undone.png": row(),
    }
    tb = {
        "all.png": row(flags="no_lungs uncertain", tb=1),
        "bad.png": refused,
        "cls.png": row("refused", "too odd"),
        "two.png": row("refused", "too odd"),
    }
    rows = join_rows({"lungs": lungs, "tb": tb})
    assert joint_columns(rows) == ["image", "status", "reason", "flags", "missing", "area", "tb"]
    facts = [tuple(row[name] for name in ("image", "status", "reason", "flags", "missing")) for row in rows]
    assert facts == [
        ("all.png", "ok", "", "low no_lungs uncertain", ""),
        ("bad.png", "refused", "a constant picture", "", "lungs tb"),
        ("cls.png", "refused", "tb: too odd", "", "tb"),
        ("two.png", "failed", "lungs: ValueError: x; tb: too odd", "", "lungs tb"),
    ]
    assert (rows[0]["area"], rows[0]["tb"], rows[2]["area"]) == (0.2, 1, 0.3)


def test_one_part_alone() -> None:
    (found,) = join_rows({"tb": {"a.png": row("failed", "ValueError: x")}})
    assert (found["reason"], found["missing"]) == ("ValueError: x", "tb")


def test_without_any_row() -> None:
    assert join_rows({"lungs": {}, "tb": {}}) == []
    assert joint_columns([]) == ["image", "status", "reason", "flags", "missing"]
