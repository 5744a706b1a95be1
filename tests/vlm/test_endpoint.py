"""OpenAI-compatible endpoints, against a server that answers as they do."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from PIL import Image

from ggt_hf.errors import AnswerError, ModelError
from ggt_hf.vlm.cache import AnswerCache
from ggt_hf.vlm.endpoint import EndpointVLM
from tests.making import encoded, picture
from tests.vlm.conftest import ChatServer, completion

SCHEMA = {
    "type": "object",
    "properties": {"severity": {"type": "integer", "minimum": 1, "maximum": 5}},
    "required": ["severity"],
    "additionalProperties": False,
}
PHOTO = encoded(picture(1), "JPEG")


class Waits(list[float]):
    """Remembers what was waited, without waiting."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def endpoint(server: ChatServer, **options: object) -> EndpointVLM:
    return EndpointVLM(server.url, "seer-1", **{"sleep": Waits(), **options})


def test_what_is_sent_and_what_comes_back(server: ChatServer) -> None:
    server.script = [completion('{"severity": 3}')]
    vlm = endpoint(server, api_key="sk-test")
    shown = [PHOTO, Image.fromarray(picture(2))]
    answer = vlm.ask(shown, "How bad?", schema=SCHEMA, max_new_tokens=50, seed=7)
    assert answer.data == {"severity": 3}
    assert (answer.model_id, answer.revision) == ("seer-1", "fp_44")
    assert (answer.usage.input_tokens, answer.usage.output_tokens) == (900, 12)
    [asked] = server.requests
    assert (asked["model"], asked["max_tokens"]) == ("seer-1", 50)
    assert (asked["temperature"], asked["seed"]) == (0.0, 7)
    assert asked["response_format"]["json_schema"]["schema"] == SCHEMA
    first, second, words = asked["messages"][0]["content"]
    assert words == {"type": "text", "text": "How bad?"}
    kind, _, data = first["image_url"]["url"].partition(",")
    assert (kind, base64.b64decode(data)) == ("data:image/jpeg;base64", PHOTO)
    assert second["image_url"]["url"].startswith("data:image/png;base64,")
    assert server.keys == ["Bearer sk-test"]


def test_no_key_is_sent_where_there_is_none(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.script = [completion("Fine.")]
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    endpoint(server).ask([PHOTO], "How?")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-env")
    endpoint(server).ask([PHOTO], "How?")
    assert server.keys == [None, "Bearer sk-env"]


def test_a_broken_answer_is_repaired_once(server: ChatServer) -> None:
    server.script = [
        completion("It is bad, I would say 9 of 10."),
        completion('Sorry! ```json\n{"severity": 4}\n```'),
    ]
    answer = endpoint(server).ask([PHOTO], "How bad?", schema=SCHEMA)
    assert answer.data == {"severity": 4}
    assert answer.usage.input_tokens == 1800
    question, said, complaint = server.requests[1]["messages"]
    assert question == server.requests[0]["messages"][0]
    assert said == {"role": "assistant", "content": "It is bad, I would say 9 of 10."}
    assert "no complete JSON object" in complaint["content"]
    assert json.dumps(SCHEMA) in complaint["content"]


def test_an_answer_broken_twice_is_an_error(server: ChatServer) -> None:
    server.script = [completion('{"severity": 9}')]
    vlm = endpoint(server)
    with pytest.raises(AnswerError, match="9 is greater than the maximum of 5"):
        vlm.ask([PHOTO], "How bad?", schema=SCHEMA)
    assert len(server.requests) == 2


def test_a_refusal_is_neither_repaired_nor_fatal_to_its_batch(server: ChatServer) -> None:
    server.script = [completion(None, refusal="I cannot help."), completion('{"severity": 1}')]
    vlm = endpoint(server, concurrency=1)
    refused, good = vlm.ask_many([[PHOTO], [PHOTO]], "How bad?", schema=SCHEMA)
    assert refused.problem == "it refused: I cannot help."
    assert good.data == {"severity": 1}
    assert len(server.requests) == 2


def test_a_busy_server_is_waited_for_as_it_asks(server: ChatServer) -> None:
    waits = Waits()
    server.script = [
        (429, {"retry-after": "7"}, {"error": {"message": "slow down"}}),
        (503, {}, "overloaded"),
        (429, {"retry-after": "Thu, 01 Jan 2015 00:00:00 GMT"}, {}),
        (500, {"retry-after": "99999"}, {}),
        completion("Fine."),
    ]
    assert endpoint(server, sleep=waits).ask([PHOTO], "How?").text == "Fine."
    assert waits[0] == 7
    assert waits[1:3] == [2.0, 4.0]
    assert waits[3] == 60


def test_a_server_that_stays_busy_is_given_up(server: ChatServer) -> None:
    server.script = [(529, {}, {"error": {"message": "overloaded"}})]
    with pytest.raises(ModelError, match=r"after 3 tries \(529: overloaded\)"):
        endpoint(server, max_tries=3).ask([PHOTO], "How?")
    assert len(server.requests) == 3


def test_an_empty_account_is_not_waited_for(server: ChatServer) -> None:
    error = {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}}
    server.script = [(429, {}, error)]
    with pytest.raises(ModelError, match="exceeded your quota"):
        endpoint(server).ask([PHOTO], "How?")
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("status", "words"),
    [(401, "refuses the key"), (404, "does not know seer-1"), (400, "cannot answer")],
)
def test_what_waiting_does_not_cure_ends_at_once(
    server: ChatServer, status: int, words: str
) -> None:
    server.script = [(status, {}, {"error": {"message": "no"}})]
    with pytest.raises(ModelError, match=words) as caught:
        endpoint(server, api_key="sk-secret").ask([PHOTO], "How?")
    assert "sk-secret" not in str(caught.value)
    assert len(server.requests) == 1


def test_fields_that_a_server_does_not_know_are_left_out_from_then_on(server: ChatServer) -> None:
    server.script = [
        (400, {}, {"error": {"message": "Unsupported parameter: 'max_tokens'."}}),
        (400, {}, {"error": {"message": "response_format is not supported"}}),
        completion('{"severity": 2}'),
    ]
    vlm = endpoint(server)
    assert vlm.ask([PHOTO], "How bad?", schema=SCHEMA).data == {"severity": 2}
    assert vlm.ask([PHOTO], "How bad?", schema=SCHEMA).data == {"severity": 2}
    assert len(server.requests) == 4
    for asked in server.requests[2:]:
        assert asked["max_completion_tokens"] == 512
        assert not {"max_tokens", "response_format"} & asked.keys()


@pytest.mark.parametrize("body", ["<html>hello</html>", {"choices": []}, [], {"choices": [None]}])
def test_something_else_than_a_completion(server: ChatServer, body: object) -> None:
    server.script = [(200, {}, body)]
    with pytest.raises(ModelError, match="something else than a chat completion"):
        endpoint(server).ask([PHOTO], "How?")


def test_many_are_answered_in_order(server: ChatServer) -> None:
    pictures = [encoded(picture(seed)) for seed in range(9)]
    server.script = [completion("Fine.")]
    answers = endpoint(server, concurrency=3).ask_many([[p] for p in pictures], "How?")
    assert [a.text for a in answers] == ["Fine."] * 9
    sent = {asked["messages"][0]["content"][0]["image_url"]["url"] for asked in server.requests}
    assert len(sent) == 9


def test_nothing_is_paid_twice_and_failures_are_tried_again(
    server: ChatServer, tmp_path: Path
) -> None:
    cache = AnswerCache(tmp_path)
    server.script = [completion("no"), completion("no"), completion('{"severity": 5}')]
    with pytest.raises(AnswerError):
        endpoint(server, cache=cache).ask([PHOTO], "How bad?", schema=SCHEMA)
    for _ in range(3):
        answer = endpoint(server, cache=cache).ask([PHOTO], "How bad?", schema=SCHEMA)
        assert answer.data == {"severity": 5}
    assert len(server.requests) == 3


@pytest.mark.parametrize("address", ["localhost:8000", "ftp://host/v1", ""])
def test_an_address_without_a_scheme(address: str) -> None:
    with pytest.raises(ModelError, match="no address of a server"):
        EndpointVLM(address, "seer-1")


def test_nobody_listens() -> None:
    vlm = EndpointVLM("http://127.0.0.1:9/v1", "seer-1", max_tries=2, sleep=Waits())
    with pytest.raises(ModelError, match="did not answer after 2 tries"):
        vlm.ask([PHOTO], "How?")
