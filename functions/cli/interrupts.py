"""What Ctrl-C and SIGTERM do to a command, without a traceback. Standard library only."""

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


def raise_on_termination() -> None:
    """Let SIGTERM, by which systemd and container engines stop a service, act like Ctrl-C."""
    signal.signal(signal.SIGTERM, _raise)


def _raise(number: int, frame: object) -> None:
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt
