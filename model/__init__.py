"""What is served, and how it is made, measured and taught. Depends on the core library."""

import functions  # noqa: F401 - first, so that onnxruntime sends no telemetry
