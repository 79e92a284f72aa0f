"""Embeddings as OpenAI's clients ask for them."""

import base64
import io
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import openai
import pytest
import uvicorn
from PIL import Image

from api.app import create_app
from embedstore.encoders import load


def data_url() -> str:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), "red").save(buffer, "PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@pytest.fixture
def address(store):
    """A real server on loopback."""
    server = uvicorn.Server(uvicorn.Config(create_app(store), port=0, log_level="error"))
    running = threading.Thread(target=server.run)
    running.start()
    while not server.started:
        assert running.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}/v1"
    server.should_exit = True
    running.join(20)


def test_the_openai_client_works(address):
    with openai.OpenAI(base_url=address, api_key="none", max_retries=0) as client:
        assert {"mini", "toy"} == {model.id for model in client.models.list()}
        assert client.models.retrieve("toy").owned_by == "embedstore"
        texts = ["a red door", "a blue door"]
        told = client.embeddings.create(model="toy", input=texts)  # base64 inside
        plain = client.embeddings.create(model="toy", input=texts, encoding_format="float")
        made = np.array([each.embedding for each in told.data])
        np.testing.assert_allclose(made, load("toy").encode_texts(texts), atol=1e-6)
        np.testing.assert_allclose(made, [each.embedding for each in plain.data], atol=1e-6)
        assert told.usage.total_tokens == 6
        one = client.embeddings.create(model="toy", input="a red door")
        np.testing.assert_allclose(one.data[0].embedding, made[0], atol=1e-6)
        mixed = client.embeddings.create(model="toy", input=["red", {"image": data_url()}])
        assert [each.index for each in mixed.data] == [0, 1]
        assert np.linalg.norm(mixed.data[1].embedding) == pytest.approx(1, abs=1e-5)
        with pytest.raises(openai.NotFoundError) as refused:
            client.embeddings.create(model="gpt", input="x")
        assert "no model 'gpt'; expected one of: mini, toy" in refused.value.body["message"]
        assert refused.value.body["type"] == "NotFound"
        with pytest.raises(openai.UnprocessableEntityError) as refused:
            client.embeddings.create(model="toy", input="x", dimensions=3)
        assert "dimensions is 3" in refused.value.body["message"]
        with pytest.raises(openai.NotFoundError) as refused:
            client.models.retrieve("gpt")
        assert "no model 'gpt'" in refused.value.body["message"]


@pytest.mark.parametrize(
    "wrong",
    [
        "",
        [],
        [""],
        [[1, 2, 3]],
        [{"image": "http://127.0.0.1/secret.jpg"}],
        [{"image": "data:image/png;base64,AAAA"}],
        [{"image": "data:image/png;base64,?"}],
        ["x"] * 2049,
    ],
)
def test_bad_input_is_refused(client, wrong):
    answer = client.post("/v1/embeddings", json={"model": "toy", "input": wrong})
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"]["message"] == answer.json()["detail"]


def test_one_encoder_serves_searches_answers_and_embeddings(client, store):
    with ThreadPoolExecutor(8) as many:

        def ask(n: int) -> int:
            if n % 2:
                asked = {"model": "toy", "input": f"door {n}"}
                return client.post("/v1/embeddings", json=asked).status_code
            asked = {"text": f"door {n}", "target": "text"}
            return client.post("/v1/collections/words/search", json=asked).status_code

        assert set(many.map(ask, range(24))) == {200}
    client.post("/v1/collections/words/ask", json={"question": "a red door"})
    assert store.collection("words").encoder is client.app.state.encoders.of("toy")


def test_no_model_is_called_by_a_path(client, store, tmp_path):
    info = store.collection("words").info
    space = info.space.__class__(str(tmp_path), *list(vars(info.space).values())[1:4])
    store.catalog.set_encoder(info.id, space)
    told = client.get("/v1/models").text
    assert str(tmp_path) not in told
    assert f"space-{space.fingerprint}" in told
