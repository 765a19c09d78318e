"""`python -m iac` is `iac`."""

from iac.cli import main

if __name__ == "__main__":
    main()
