"""`python -m engine` is `attune`."""

from engine.cli import main

if __name__ == "__main__":
    main()
