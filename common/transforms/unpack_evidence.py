"""A prediction with evidence taken apart."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.transforms import MapTransform


class UnpackEvidenced(MapTransform):
    """Put the logits that :class:`common.inferers.EvidenceInferer` gave in the place of its prediction, the map beside.

    Args:
        keys: key of the prediction, a mapping with "logits" and "evidence".
        evidence_key: key that the evidence map [1, W, H] gets.
    """

    def __init__(self, keys: Hashable = "pred", evidence_key: Hashable = "evidence") -> None:
        super().__init__(keys)
        self.evidence_key = evidence_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        d = dict(data)
        for key in self.key_iterator(d):
            d[self.evidence_key] = d[key]["evidence"]
            d[key] = d[key]["logits"]
        return d


UnpackEvidenceD = UnpackEvidenceDict = UnpackEvidenced
