"""One request for each route that takes a body worth showing; a test sends every one."""

from collections.abc import Mapping

JSON = "-H 'content-type: application/json'"

EXAMPLES: Mapping[tuple[str, str], str] = {
    ("post", "/v1/collections"): f"""\
curl -s localhost:8000/v1/collections {JSON} \\
     -d '{{"name": "holiday", "encoder": "toy"}}'""",
    ("post", "/v1/collections/{name}/items"): f"""\
curl -s localhost:8000/v1/collections/photos/items {JSON} \\
     -d '{{"items": [{{"key": "note", "texts": ["a red door"], "meta": {{"year": 2024}}}}]}}'""",
    ("post", "/v1/collections/{name}/items/upload"): """\
curl -s localhost:8000/v1/collections/photos/items/upload \\
     -F 'files=@door.jpg' -F 'files=@wall.jpg' \\
     -F 'items=[{"file": "door.jpg", "key": "lisbon/door", "texts": ["a red door"]}]'""",
    ("post", "/v1/collections/{name}/search"): f"""\
curl -s localhost:8000/v1/collections/photos/search {JSON} \\
     -d '{{"text": "a dog on the beach", "k": 3}}'""",
    ("post", "/v1/collections/{name}/search/upload"): """\
curl -s localhost:8000/v1/collections/photos/search/upload \\
     -F 'image=@door.jpg' -F 'query={"k": 3, "text": "a wall", "text_weight": 0.2}'""",
    ("post", "/v1/collections/{name}/ask"): f"""\
curl -s localhost:8000/v1/collections/photos/ask {JSON} \\
     -d '{{"question": "what colour is the door", "k": 8}}'""",
    ("post", "/v1/embeddings"): f"""\
curl -s localhost:8000/v1/embeddings {JSON} \\
     -d '{{"model": "toy", "input": ["a dog", {{"image": "data:image/png;base64,PICTURE"}}]}}'""",
}
