"""Run one ingestion per input line in a fork, so that a kill lands in the work and not in the imports.

Reads ``name<TAB>checkpoint<TAB>data<TAB>audit file`` lines; answers with the fork's pid, then its wait status.
"""

import os
import sys
from pathlib import Path

import torch

import recaudit.sae  # loaded once here instead of in every fork
from recaudit.ingest import IngestRequest, ingest


def main() -> None:
    assert recaudit.sae
    torch.set_num_threads(1)  # a fork has no other threads to wait for
    for line in sys.stdin:
        name, checkpoint, data, db = line.rstrip("\n").split("\t")
        pid = os.fork()
        if pid == 0:
            ingest(IngestRequest(Path(checkpoint), Path(data), Path(db), name=name))
            os._exit(0)
        print(pid, flush=True)
        print(os.waitpid(pid, 0)[1], flush=True)


if __name__ == "__main__":
    main()
