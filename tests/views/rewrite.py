"""Write anew what every case expects, as the views are now: `python -m tests.views.rewrite`. Then read the diff."""

from __future__ import annotations

from tests.views.given import CASES, views_of

if __name__ == "__main__":
    for folder in sorted(CASES.iterdir()):
        for name, text in views_of(folder):
            (folder / name).write_text(text, encoding="utf-8")
