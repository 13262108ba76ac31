"""What Ctrl-C does to a command, so that nobody sees a traceback. Standard library only."""

import signal

STOPPED_BY_USER = 130  # what a shell reports for a program that Ctrl-C ended: 128 + SIGINT


def exit_immediately() -> None:
    """Let Ctrl-C end the process, while there is nothing to finish."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as it is after nohup or &
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_once() -> None:
    """Let the first Ctrl-C raise KeyboardInterrupt, and ignore others while work is finished."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _raise)


def _raise(number: int, frame: object) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
