"""The script that a job carries to its sites; what it does is in the package that each site has installed."""

from pathlib import Path

from common.federated.client import serve

if __name__ == "__main__":
    serve(Path(__file__).with_name("federated_task.json"))
