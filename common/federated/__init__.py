"""Federated training with NVFlare: sites train one network together, and only weights leave them.

Nothing here needs NVFlare before a job is made or run: it is the extra ``federated``.
"""

from .errors import FederatedError
from .site import SITE_VARIABLE, Site
from .task import FederatedTask
from .tensors import average, check_like, weights_sha256

__all__ = ["SITE_VARIABLE", "FederatedError", "FederatedTask", "Site", "average", "check_like", "weights_sha256"]
