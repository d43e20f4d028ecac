"""Stands in for torchvision in tests, where it cannot be installed: MONAI Label imports two functions of it."""
