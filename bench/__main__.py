"""Run every benchmark one after another; ``make bench`` calls this."""

import subprocess
import sys
from pathlib import Path

from common import PEERS, YARDSTICKS

HERE = Path(__file__).parent

if not YARDSTICKS.is_dir():
    raise SystemExit("The yardsticks are not here (../shared/tools/yardsticks): nothing to compare with.")
for script in ("build.py", "preprocess.py", "gene.py", "similarity.py", "page.py", "ranksum.py"):
    if script == "ranksum.py" and not PEERS.exists():
        print("ranksum.py: left out, the peers are not installed (python bench/peers.py)")
        continue
    print(f"--- {script}", flush=True)
    subprocess.run([sys.executable, HERE / script], check=True)
