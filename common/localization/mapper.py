"""Evidence maps of a classifier: where on a radiograph its class score comes from."""

from __future__ import annotations

import difflib

import torch
from monai.data import MetaTensor
from torch import nn

from ..errors import UsageError
from .cam import class_activation_map
from .grad_cam import grad_cam
from .grad_cam_pp import grad_cam_pp, grad_cam_pp_exp
from .gradients import Gradients, by_images, by_layer, by_maps, evaluation_mode
from .relevance import class_relevance_map, signed_relevance_map
from .saliency import saliency, smooth_gradient
from .scale import normalise_maps, resize_maps
from .score import SCORES, class_direction, class_score

#: What each method needs: the linear head's weights, the gradient by maps, or the gradient by the images.
LINEAR_METHODS = ("cam", "crm", "signed_crm")
MAP_METHODS = ("grad_cam", "grad_cam_pp", "grad_cam_pp_exp")
IMAGE_METHODS = ("saliency", "smooth_saliency")
METHODS = (*LINEAR_METHODS, *MAP_METHODS, *IMAGE_METHODS)

#: How many layers an error lists before it leaves out the inner ones.
LISTED = 60


class EvidenceMapper:
    """Logits and evidence maps of a batch from one forward pass of the network.

    ``cam``, ``crm`` and ``signed_crm`` take the linear head's weights and no gradient; ``grad_cam``, ``grad_cam_pp``
    and ``grad_cam_pp_exp`` need a backward pass of the head only (from ``layer`` on where one is named);
    ``saliency`` needs one of the whole network and ``smooth_saliency`` one forward and backward pass a sample. The
    network is used in evaluation mode and left as it was found: modes, gradients, ``requires_grad``, hooks. Works
    under autocast, ``no_grad`` and ``inference_mode``.

    Example::

        logits, maps = EvidenceMapper(network, "crm")(images)

    Args:
        network: classifier with ``forward_features`` (images to the maps that the head pools) and ``forward_head``
            (maps to logits [B, K]); ``cam``, ``crm`` and ``signed_crm`` also need ``class_weights`` [K, C] of a
            head that is global average pooling and one linear layer. With ``layer``, and for the saliency maps, any
            classifier will do.
        method: one of :data:`METHODS`.
        target: class whose score is explained. ``crm`` adds up all output nodes, so that it does not depend on it.
        layer: name of the layer whose maps the methods of :data:`MAP_METHODS` look at, as ``named_modules`` gives
            it; the maps that the head pools by default.
        score: what is explained, see :func:`.score.class_score`.
        normalise: bring every map to [0, 1], see :func:`.scale.normalise_maps`. False keeps its strength, in units of
            the score (``cam``: what a location adds to it), to compare images.
        samples: noisy copies of ``smooth_saliency``.
        noise: their standard deviation as a fraction of the image's range.
        seed: of the noise.

    Raises:
        UsageError: an unknown method, score or layer, or a network that lacks what the method needs.
    """

    def __init__(
        self,
        network: nn.Module,
        method: str = "grad_cam_pp",
        target: int = 1,
        layer: str | None = None,
        score: str = "log_odds",
        normalise: bool = True,
        samples: int = 25,
        noise: float = 0.15,
        seed: int = 0,
    ) -> None:
        if score not in SCORES:
            raise UsageError(f"evidence score {score!r}: choose one of {', '.join(SCORES)}")
        if samples < 1 or noise < 0:
            raise UsageError(f"smooth_saliency needs samples >= 1 and noise >= 0, got {samples} and {noise}")
        check_method(network, method, layer)
        self.network = network
        self.method = method
        self.target = target
        self.layer = layer
        self.score = score
        self.normalise = normalise
        self.samples = samples
        self.noise = noise
        self.seed = seed

    def __call__(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Classify images and show where their score comes from.

        Args:
            images: shape [B, C, W, H], as the network takes them.

        Returns:
            Logits [B, K] and maps [B, 1, W, H], both float32 on the images' device, without gradient; maps are in
            [0, 1] unless ``normalise`` is off. Both are MetaTensors with the images' metadata where the images are,
            as the network's own output would be, so that ``Invertd`` takes a map back to its source.

        Raises:
            UsageError: the network has no class ``target``, or the layer or the network gives no maps.
        """
        if isinstance(images, MetaTensor):
            logits, maps = self(images.as_tensor())
            return MetaTensor(logits).copy_meta_from(images), MetaTensor(maps).copy_meta_from(images)
        # Gradients cannot be taken of tensors made in inference mode, which a caller may be in.
        with torch.inference_mode(False), torch.no_grad(), evaluation_mode(self.network):
            images = images.clone() if images.is_inference() else images
            logits, maps = self._maps(images)
            maps = resize_maps(maps, images.shape[2:])
            return logits.float(), normalise_maps(maps) if self.normalise else maps

    def _maps(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        if self.method in LINEAR_METHODS:
            maps = self.network.forward_features(images)  # type: ignore[operator]
            logits = self.network.forward_head(maps)  # type: ignore[operator]
            return logits, self._linear(maps, self.network.class_weights)  # type: ignore[arg-type]
        if self.method in MAP_METHODS:
            if self.layer is None:
                found = by_maps(self.network, images, self._score)
            else:
                found = by_layer(self.network, images, self._score, self.layer)
            return found.logits, self._weighted(found)
        if self.method == "saliency":
            found = by_images(self.network, images, self._score)
            return found.logits, saliency(found.grads)
        mean = smooth_gradient(
            lambda noisy: by_images(self.network, noisy, self._score).grads,
            images,
            samples=self.samples,
            spread=self.noise,
            seed=self.seed,
        )
        return self.network(images), saliency(mean)

    def _linear(self, maps: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
        weights = weights.float()
        # Checks the target for all three methods.
        direction = class_direction(len(weights), self.target, self.score).to(weights)
        if self.method == "crm":
            return class_relevance_map(maps, weights)
        of_score = (direction[:, None] * weights).sum(0)
        return (class_activation_map if self.method == "cam" else signed_relevance_map)(maps, of_score)

    def _weighted(self, found: Gradients) -> torch.Tensor:
        if self.method == "grad_cam":
            return grad_cam(found.inputs, found.grads)
        if self.method == "grad_cam_pp":
            return grad_cam_pp(found.inputs, found.grads)
        return grad_cam_pp_exp(found.inputs, found.grads, self._score(found.logits))

    def _score(self, logits: torch.Tensor) -> torch.Tensor:
        return class_score(logits.float(), self.target, self.score)


def check_method(network: nn.Module, method: str, layer: str | None = None) -> None:
    """Raise a :class:`UsageError` unless the network gives what the method needs."""
    if method not in METHODS:
        raise UsageError(f"evidence method {method!r}: choose one of {', '.join(METHODS)}")
    name = type(network).__name__
    if layer is not None:
        if method not in MAP_METHODS:
            raise UsageError(f"{method} looks at no layer; {', '.join(MAP_METHODS)} do")
        layers = [path for path, _ in network.named_modules() if path]
        if layer not in layers:
            raise UsageError(f"no layer {layer!r} in {name}{_nearest(layer, layers)}; its layers: {_listing(layers)}")
        return
    pooled = hasattr(network, "forward_features") and hasattr(network, "forward_head")
    linear = pooled and hasattr(network, "class_weights")
    possible = (LINEAR_METHODS if linear else ()) + (MAP_METHODS if pooled else ()) + IMAGE_METHODS
    if method not in possible:
        lack = "a head of global average pooling and one linear layer" if pooled else "pooled maps"
        with_layer = "" if pooled else f"; {', '.join(MAP_METHODS)} where a layer is named"
        raise UsageError(f"{method} needs {lack}, which {name} lacks; it can give {', '.join(possible)}{with_layer}")


def _nearest(layer: str, layers: list[str]) -> str:
    near = difflib.get_close_matches(layer, layers, n=1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def _listing(layers: list[str]) -> str:
    depth = max((path.count(".") for path in layers), default=0)
    shown = layers
    while depth and len(shown) > LISTED:
        depth -= 1
        shown = [path for path in layers if path.count(".") <= depth]
    return ", ".join(shown) + (" and those within them" if len(shown) < len(layers) else "")
