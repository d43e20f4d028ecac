"""What a federation's job does not say, because only the site knows it."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import FederatedError

#: Environment variable with the path of the site's file; "{site}" in it stands for the name of the site.
SITE_VARIABLE = "CXR_SITE_FILE"


@dataclass(frozen=True)
class Site:
    """Where a site keeps its bundles and its radiographs. None of it is sent.

    Attributes:
        bundles: folder of the bundles.
        dataset_dir: folder with ``index.csv``.
        output_dir: for curves, records and checkpoints of the training here.
        sites: values of the index column ``dataset`` that belong to this site; empty: all rows.
    """

    bundles: str
    dataset_dir: str
    output_dir: str
    sites: tuple[str, ...] = ()

    def write(self, file: str | Path) -> None:
        """Write the site's file."""
        Path(file).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, name: str) -> Site:
        """Read the file that the environment names.

        Args:
            name: of the site, as the federation knows it.

        Raises:
            FederatedError: the variable is not set, no such file, or one with other content.
        """
        pattern = os.environ.get(SITE_VARIABLE)
        example = '{"bundles": "bundles", "dataset_dir": "data", "output_dir": "federated", "sites": []}'
        if not pattern:
            raise FederatedError(f"{SITE_VARIABLE} is not set: it names this site's file, such as {example}")
        file = Path(pattern.replace("{site}", name))
        try:
            content = json.loads(file.read_text(encoding="utf-8"))
            site = cls(**{**content, "sites": tuple(content.get("sites") or ())})
        except OSError as error:
            raise FederatedError(f"{file}: {error.strerror}; it holds {example}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise FederatedError(f"{file}: not a site's file ({error}); it holds {example}") from error
        # NVFlare changes the working folder: what is relative is relative to the file.
        folder = file.absolute().parent
        return cls(
            bundles=str(folder / site.bundles),
            dataset_dir=str(folder / site.dataset_dir),
            output_dir=str(folder / site.output_dir),
            sites=site.sites,
        )
