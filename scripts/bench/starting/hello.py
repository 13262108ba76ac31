"""The smallest FastAPI and Mangum function; cold starts are compared with its cold start."""

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.post("/{path:path}")
def hello(path: str) -> dict[str, str]:
    """Say hello on every path."""
    return {"hello": path}


handle = Mangum(app, lifespan="off")
