"""MONAI Label: its environment, the folder of its stock app with our bundles in it, and the server's start."""
