"""`python -m ops.checklist` writes docs/PRODUCTION_CHECKLIST.md from the items."""

from config.load import ROOT
from ops.checklist.docs import page

PATH = ROOT / "docs" / "PRODUCTION_CHECKLIST.md"

if __name__ == "__main__":
    PATH.write_text(page())
    print(f"wrote {PATH.relative_to(ROOT)}")
