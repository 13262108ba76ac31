"""All of Lookalike that runs: the heart (gallery) and the doors to it (api, ingest).

In a Lambda function the garbage collector rests until the function is built, for its start makes
some 190,000 objects and nearly all of them stay; `place.settle` turns it on again.
"""

import gc
import os

if "AWS_LAMBDA_FUNCTION_NAME" in os.environ:
    gc.disable()
