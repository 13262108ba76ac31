"""Where this process runs: in a function, under `sam local`, or on any other machine."""

import gc
import os


def settle() -> None:
    """Let the garbage collector begin in a function that is built; what is there now may stay."""
    gc.freeze()
    gc.enable()


def in_function() -> bool:
    """Tell whether the Lambda runtime runs this process, the real one or an emulated one."""
    return "AWS_LAMBDA_FUNCTION_NAME" in os.environ


def under_sam_local() -> bool:
    """Tell whether `sam local` runs this process on somebody's own machine.

    AWS_SAM_LOCAL alone is not believed: whoever sets it on a deployed function must not open the
    gallery to the world. Lambda dates the log streams of deployed functions (2026/11/21/...),
    `sam local` calls its own "$LATEST".
    """
    dated = "/" in os.environ.get("AWS_LAMBDA_LOG_STREAM_NAME", "")
    return os.environ.get("AWS_SAM_LOCAL") == "true" and not dated
