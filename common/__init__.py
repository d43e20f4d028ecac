"""What the tuberculosis chest radiograph bundles share: radiograph I/O, data, networks, evaluation."""

__version__ = "0.1.0"
