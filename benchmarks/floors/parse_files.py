"""Floor of validate: a process that parses the same files with iac's loader and does nothing else."""

from __future__ import annotations

import sys
from pathlib import Path

from iac.document import parse_document

if __name__ == "__main__":
    files = sorted(Path(sys.argv[1]).rglob("*.yaml"))
    print(len([parse_document(file.read_bytes(), str(file)) for file in files]))
