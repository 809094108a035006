"""The example's promise, checked: a query a minute, whoever asks."""

import os
import sys

os.environ["REDIS_URL"] = f"redis://127.0.0.1:{sys.argv[1]}"

import app  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

with TestClient(app.app) as client:
    for _ in range(5):
        answer = client.get("/users/7")
        assert answer.json() == {"id": 7, "name": "user 7"}, answer.text
    assert app.queries == 1, app.queries
    assert answer.headers["x-fastapi-cache"] == "HIT", answer.headers
    assert client.get("/users/8").json()["id"] == 8
    assert app.queries == 2
    print("9 checks passed")
