"""Speed and memory, measured side by side in one run; ratios are what counts."""
