"""``python -m kerasrecipes`` and ``kerasrecipes``, in a process of their own."""

import atexit
import os
import sys


def main() -> None:
    """Run the command line, and end the process without freeing its objects.

    Freeing TensorFlow's takes a second. Threads are joined and exit handlers called before.
    """
    codes: list[int] = []
    atexit.register(_leave, codes)  # the first handler is called last

    try:
        from kerasrecipes.cli.app import main as run

        run()
    except KeyboardInterrupt:  # before the command line has begun
        codes.append(130)
        sys.exit(130)
    except SystemExit as error:
        codes += [error.code] if isinstance(error.code, int) else []
        raise


def _leave(codes: list[int]) -> None:
    """End the process with an exit code; without one, as after an exception, do nothing."""
    if codes:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(codes[0])


if __name__ == "__main__":
    main()
