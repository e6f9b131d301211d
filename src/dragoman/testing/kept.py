"""What OpenAI keeps: answers that later requests go on from, and the items in them.

Only the latest answers are kept, and only those of requests that did not say `store: false`.
"""

import collections
import hashlib

import msgspec

from dragoman.testing.exchange import Answer, Incoming, json_answer
from dragoman.testing.json_value import JSON, Object, decode_object
from dragoman.testing.rules.openai_errors import Field, refused
from dragoman.testing.rules.openai_responses_items import kind_of_item
from dragoman.testing.rules.refusal import RefusedError

MOST_KEPT = 1000
"""Answers that are kept at a time."""

_DEFAULT_PAGE = 20
_LARGEST_PAGE = 100
_TERMINAL = (b"event: response.completed\n", b"event: response.incomplete\n")


class _Kept(msgspec.Struct, frozen=True):
    """An answer, with the input that it was given to, complete."""

    items: list[JSON]
    answer: Object

    @property
    def output(self) -> list[JSON]:
        output = self.answer.get("output")
        return output if isinstance(output, list) else []


class KeptAnswers:
    """The answers that are kept, by their ids."""

    def __init__(self) -> None:
        self._answers: collections.OrderedDict[str, _Kept] = collections.OrderedDict()

    def completed(self, body: Field) -> Field:
        """The request with all that it goes on from in its `input`, as one list of items. Raises
        `RefusedError` for references to what is not kept.
        """
        fields = dict(body.object())
        for name, what in (("conversation", "Conversation"), ("prompt", "Prompt")):
            if (reference := fields.get(name)) is not None:
                identity = reference.get("id") if isinstance(reference, dict) else reference
                raise refused(f"{what} with id '{identity}' not found.", status=404)
        previous = fields.pop("previous_response_id", None)
        items: list[JSON] = []
        if isinstance(previous, str):
            kept = self._answers.get(previous)
            if kept is None:
                message = f"Previous response with id '{previous}' not found."
                raise refused(message, "previous_response_id", "previous_response_not_found")
            items = [*kept.items, *kept.output]
        fields["input"] = [*items, *self._resolved(fields.get("input"))]
        return Field("", fields)

    def _resolved(self, given: JSON) -> list[JSON]:
        if isinstance(given, str):
            return [_message(given)]
        items: list[JSON] = []
        known = {str(item.get("id")): (item, before) for item, before in self._known_items()}
        for item in given if isinstance(given, list) else []:
            members = item if isinstance(item, dict) else {}
            kind, identity = kind_of_item(Field("", members)), str(members.get("id"))
            if kind == "item_reference":
                if identity not in known:
                    raise refused(f"Item with id '{identity}' not found.", "input", status=404)
                items.append(known[identity][0])
                continue
            if kind == "reasoning" and "id" in members and not members.get("encrypted_content"):
                if identity not in known:
                    raise _not_persisted(identity)
                items.append(known[identity][0])
                continue
            before = known[identity][1] if identity in known else None
            if before is not None and not any(_has_id(one, before) for one in items):
                raise refused(
                    f"Item '{identity}' of type '{kind}' was provided without its required 'reasoning' "
                    f"item: '{before}'.",
                    "input",
                )
            items.append(item)
        return items

    def _known_items(self) -> list[tuple[Object, str | None]]:
        """Every item that the model wrote, with the id of the reasoning right before it."""
        found: list[tuple[Object, str | None]] = []
        for kept in self._answers.values():
            reasoning: str | None = None
            for item in kept.output:
                if isinstance(item, dict):
                    found.append((item, reasoning))
                    reasoning = str(item.get("id")) if item.get("type") == "reasoning" else None
        return found

    def keep(self, body: Field, answer: Answer) -> None:
        """Keep an answer to a complete request, unless it is not to be kept or broke off."""
        if body.object().get("store") is False or answer.status != 200:
            return
        response = _final(answer)
        items = body.object().get("input")
        identity = None if response is None else response.get("id")
        if response is None or not isinstance(identity, str):
            return
        self._answers[identity] = _Kept(items if isinstance(items, list) else [], response)
        while len(self._answers) > MOST_KEPT:
            self._answers.popitem(last=False)

    def found(self, identity: str) -> Answer:
        """A kept answer. Raises `RefusedError` for one that is not kept."""
        return json_answer(200, msgspec.json.encode(self._found(identity).answer))

    def deleted(self, identity: str) -> Answer:
        """What says that an answer is no longer kept, from now on. Raises `RefusedError` as `found`."""
        self._found(identity)
        del self._answers[identity]
        return json_answer(200, msgspec.json.encode({"id": identity, "object": "response", "deleted": True}))

    def cancelled(self, identity: str) -> Answer:
        """Always raises `RefusedError`: nothing here runs in the background."""
        self._found(identity)
        raise refused("Cannot cancel a synchronous response.")

    def _found(self, identity: str) -> _Kept:
        kept = self._answers.get(identity)
        if kept is None:
            raise refused(f"Response with id '{identity}' not found.", status=404)
        return kept

    def listed(self, identity: str, incoming: Incoming) -> Answer:
        """A page of the items that an answer was given to. Raises `RefusedError` as `found`, and for a
        page that cannot be.
        """
        items = [_identified(item, identity, place) for place, item in enumerate(self._found(identity).items)]
        query = incoming.query
        Field("order", query.get("order", "desc")).word("asc", "desc")
        if query.get("order", "desc") == "desc":
            items.reverse()
        limit = query.get("limit", str(_DEFAULT_PAGE))
        size = Field("limit", int(limit) if limit.isdigit() else limit).integer(1, _LARGEST_PAGE)
        if (after := query.get("after")) is not None:
            places = [place for place, item in enumerate(items) if item["id"] == after]
            if not places:
                raise refused(f"Item with id '{after}' not found.", "after", status=404)
            items = items[places[0] + 1 :]
        page = items[:size]
        listed = {
            "object": "list",
            "data": page,
            "first_id": page[0]["id"] if page else None,
            "last_id": page[-1]["id"] if page else None,
            "has_more": len(items) > size,
        }
        return json_answer(200, msgspec.json.encode(listed))


def _message(text: str) -> Object:
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def _has_id(item: JSON, identity: str) -> bool:
    return isinstance(item, dict) and item.get("id") == identity


def _not_persisted(identity: str) -> RefusedError:
    return refused(
        f"Item with id '{identity}' not found. Items are not persisted when `store` is set to false. Try "
        "again with `store` set to true, or remove this item from your input.",
        "input",
        status=404,
    )


def _final(answer: Answer) -> Object | None:
    """The finished response in an answer, whole or streamed; None where there is none."""
    if not answer.streamed:
        return decode_object(answer.body)
    for chunk in reversed(answer.chunks):
        if chunk.data.startswith(_TERMINAL):
            response = decode_object(chunk.data.partition(b"data: ")[2])["response"]
            return response if isinstance(response, dict) else None
    return None


def _identified(item: JSON, identity: str, place: int) -> Object:
    """An item as it is listed: in its long form, with an id."""
    members: Object = dict(item) if isinstance(item, dict) else {}
    kind = kind_of_item(Field("", members))
    if kind == "message":
        content = members.get("content")
        if isinstance(content, str):
            part = "output_text" if members.get("role") == "assistant" else "input_text"
            text: Object = {"type": part, "text": content}
            members["content"] = [text | {"annotations": []} if part == "output_text" else text]
    digest = hashlib.sha256(f"{identity}/{place}".encode()).hexdigest()[:32]
    prefix = {"message": "msg", "function_call": "fc", "function_call_output": "fc", "reasoning": "rs"}
    named: Object = {"id": f"{prefix.get(kind, 'item')}_{digest}", "type": kind}
    if kind in {"message", "function_call", "function_call_output"}:
        named["status"] = "completed"
    return named | members
