"""Install the peers that benchmarks compare with into a virtual environment of their own."""

import subprocess
import sys

from common import PEERS

subprocess.run([sys.executable, "-m", "venv", PEERS.parents[1]], check=True)
subprocess.run([PEERS, "-m", "pip", "install", "-q", "pdex", "illico", "scanpy", "anndata", "h5py"], check=True)
