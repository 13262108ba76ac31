"""Make an API key: the key to hand out, and the entry for LOOKALIKE_API_KEYS.

Standard library only, so that scripts/key needs no environment.
"""

import hashlib
import secrets
from typing import Literal


def main(scope: Literal["read", "write", "admin"]) -> None:
    """Make an API key with this SCOPE; each includes those before it.

    Prints the key for callers, and its entry for LOOKALIKE_API_KEYS.
    """
    key = secrets.token_urlsafe(32)
    digest = hashlib.sha256(key.encode()).hexdigest()
    print("Key, shown this once:          ", key)
    print(f"Entry for LOOKALIKE_API_KEYS:    {scope}:{digest}")
