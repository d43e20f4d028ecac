"""Grey values out of colour channels that agree, and polarity: shared by all formats."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .errors import RadiographError

# JPEG stores chroma coarsely, so that a grey picture saved as colour comes back with slightly unequal channels.
_TOLERANCE = 12 / 255
# A coloured side marker or a burnt-in arrow is no reason to refuse a radiograph, a colour photograph is.
_COLOURED_SHARE = 0.01
# Rec. 601, the luminance from which JPEG made the channels.
_LUMINANCE = (0.299, 0.587, 0.114)


def grey_of_channels(path: Path, channels: Sequence[np.ndarray]) -> np.ndarray:
    """Turn colour channels into grey when they agree.

    Args:
        path: the file, for the message.
        channels: grey; grey and alpha; red, green and blue; or red, green, blue and alpha: unsigned integer arrays
            of one shape. What alpha makes transparent becomes black.

    Returns:
        Grey values in the range of the input and of its shape: the input's own values where the channels are equal.

    Raises:
        RadiographError: the channels differ by more than the loss of a JPEG in more than one pixel of a hundred.
    """
    largest = np.iinfo(channels[0].dtype).max
    *colours, alpha = channels if len(channels) in (2, 4) else (*channels, np.array(largest))
    grey: np.ndarray = colours[0]
    if len(colours) == 3:
        red, green, blue = colours
        spread = np.maximum(np.maximum(red, green), blue) - np.minimum(np.minimum(red, green), blue)
        if np.count_nonzero(spread > _TOLERANCE * largest) > _COLOURED_SHARE * spread.size:
            raise RadiographError.refuse(path, "a colour picture: its red, green and blue channels differ")
        if spread.any():
            grey = np.add.reduce([np.float32(share) * c for share, c in zip(_LUMINANCE, colours, strict=True)])
    return grey if alpha.min() == largest else grey * (alpha / np.float32(largest))


def turn_over(values: np.ndarray) -> np.ndarray:
    """Exchange bright and dark within the range of the integer type, or of the values where they are fractions."""
    if np.issubdtype(values.dtype, np.integer):
        limits = np.iinfo(values.dtype)
        # The complement of an integer is its mirror image in the type's range, and needs no wider type.
        return ~values if limits.min < 0 else limits.max - values
    return values.max() + values.min() - values
