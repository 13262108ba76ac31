"""The OpenAPI document; loaded only when somebody requests it, so it costs no cold start."""
