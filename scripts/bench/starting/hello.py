"""The least that answers on Lambda with FastAPI and Mangum; what a cold start is compared with."""

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.post("/{path:path}")
def hello(path: str) -> dict[str, str]:
    """Greet, whatever was asked for."""
    return {"hello": path}


handle = Mangum(app, lifespan="off")
