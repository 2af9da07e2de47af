"""Before the first start: the demo study, so that there is something to look at; ``python -m core.ui.first_start``.

Does nothing where the data root holds a study already. Imports what is heavy only where there is something to do: a
second start shall be up in three seconds.
"""

import sys
from pathlib import Path

from core.errors import PerturbscopeError
from core.settings import settings


def demo_path(data_root: Path) -> Path:
    """Where the simulated demo lies; its name is the study's, and says what it is."""
    return data_root / "demo" / "simulated_screen.h5ad"


def has_studies(data_root: Path) -> bool:
    """Whether any study was ever built in this data root."""
    return any((data_root / "studies").glob("*/study.json"))


def make_demo(data_root: Path) -> None:
    """Write the simulated screen and build its study."""
    from core.data.synthetic import write_demo
    from core.jobs.progress import reporter
    from core.store import build_study

    path = demo_path(data_root)
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        write_demo(path, report=reporter())
    build_study(path, report=reporter())


def main() -> None:
    """Make the demo where there is no study; a failure is said, and does not keep the server from starting."""
    root = settings().data_root
    if has_studies(root):
        return
    print(f"First start: making the simulated demo study in {root}", file=sys.stderr)
    try:
        make_demo(root)
    except (PerturbscopeError, OSError) as error:
        print(f"The demo could not be made: {error}", file=sys.stderr)


if __name__ == "__main__":
    main()
