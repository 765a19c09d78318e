"""Static configuration for the OAuth/OIDC clients of an INDIGO IAM.

What: definitions in git are validated, planned, applied and rendered into the files that services read.
Where to start: docs/explanation/life-of-a-change.md.
"""

__version__ = "0.2.0"

HOME = "https://github.com/indigo-iac/indigo-iac"
"""Where the project lives. Below it are the pages that messages name."""
