"""What a report on a stored audit costs: seconds, bytes, and milliseconds until the page answers in a browser.

    python benchmarks/report.py AUDIT.duckdb [MODEL] [--chromium chromium]

Every report is written by a process of its own. The page notes when its script has run, in milliseconds since it was
opened; headless Chromium opens it afresh each time and prints that.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

from measure import run

RECAUDIT = Path(sys.executable).with_name("recaudit")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("audit", type=Path)
    parser.add_argument("model", nargs="?")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--chromium", default="chromium")
    given = parser.parse_args()
    model = [given.model] if given.model else []
    with tempfile.TemporaryDirectory() as folder:
        for ending in ("json", "md", "html"):
            path = Path(folder) / f"report.{ending}"
            command = [RECAUDIT, "report", *model, "--db", given.audit, "-o", path]
            done = [run(command) for _ in range(given.rounds + 1)][1:]  # the first warms the disk cache
            files = [path, *path.with_name("report-files").glob("*")] if ending == "md" else [path]
            print(
                f".{ending}: {spread([process.seconds for process in done], 's')}, of which processor "
                f"{spread([process.cpu_seconds for process in done], 's')}, peak {max(process.peak_mib for process in done):.0f} MiB, "
                f"{sum(file.stat().st_size for file in files):,} bytes in {len(files)} files"
            )
        ready = [opened(given.chromium, Path(folder) / "report.html") for _ in range(given.rounds)]
        print(f"page answers after {spread(ready, 'ms')}")


def opened(chromium: str, page: Path) -> float:
    """Milliseconds from opening until the page's script has run."""
    command = [chromium, "--headless", "--no-sandbox", "--dump-dom", page.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r'data-ready="(\d+)"', dom)
    if found is None:
        raise SystemExit("the page's script did not run to its end")
    return float(found[1])


def spread(values: list[float], unit: str) -> str:
    return f"{median(values):.3g} {unit} ({min(values):.3g}–{max(values):.3g})"


if __name__ == "__main__":
    main()
