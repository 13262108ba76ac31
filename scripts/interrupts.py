"""What Ctrl-C does to a command, so that no traceback is seen. Standard library only."""

import signal

STOPPED_BY_USER = 130  # what a shell reports of a program that Ctrl-C ended: 128 + SIGINT


def end_at_once():
    """Let Ctrl-C end the process, while it has nothing to bring to an end."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # as it is behind nohup or &
        signal.signal(signal.SIGINT, signal.SIG_DFL)


def raise_once():
    """Let the first Ctrl-C raise KeyboardInterrupt and ignore others while things are ended."""
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _raise)


def _raise(number, frame):
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise KeyboardInterrupt
