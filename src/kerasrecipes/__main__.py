"""``python -m kerasrecipes`` and ``kerasrecipes``."""

from kerasrecipes.cli.app import main

if __name__ == "__main__":
    main()
