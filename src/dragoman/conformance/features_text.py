"""Conversations of text."""

from dragoman.conformance.delivery import chopped
from dragoman.conformance.feature import ANSWER, Checking, Feature, asking, say
from dragoman.conformance.question import Question, Turn, Words, ask, assistant, user
from dragoman.conformance.stage import Got, Stage

SYSTEM = "You are a lighthouse keeper. Answer briefly."
TRICKY = 'Quotes " and \\ backslashes,\nnew lines,\ttabs, <tags> & ampersands, {"json": [1]}, data: [DONE]'
UNICODE = "Grüße, 你好, здравствуй, 👩‍👩‍👧‍👦 and 🏳️‍🌈: é is e\u0301, \U0001d518\U0001d52b\U0001d526."

_ROLES = "all vendors: the order and the roles of messages are the conversation"


def one(stage: Stage) -> Question:
    """The smallest question."""
    return Question(stage.model, ask(), stream=stage.streamed)


def _answered(stage: Stage, got: Got) -> None:
    stage.expect(got.question.texts("user") == ["Good evening"], f"the upstream read {got.question.turns}")
    stage.expect(got.reply.text == ANSWER, f"the client read {got.reply.text!r}")
    stage.expect(got.reply.finish == "stop", f"the answer ends with {got.reply.finish!r}")


def _tricky(stage: Stage) -> Question:
    return Question(stage.model, ask(TRICKY), stream=stage.streamed)


def _same_tricky(stage: Stage, got: Got) -> None:
    stage.expect(got.question.texts("user") == [TRICKY], f"the upstream read {got.question.texts('user')}")
    stage.expect(got.reply.text == TRICKY, f"the client read {got.reply.text!r}")


async def _chopped(stage: Stage) -> None:
    question = Question(stage.model, ask(UNICODE), stream=stage.streamed)
    got = await stage.ask(question, chopped(stage.upstream.name, say(UNICODE), question, size=3))
    stage.expect(got.question.texts("user") == [UNICODE], f"the upstream read {got.question.texts('user')}")
    stage.expect(got.reply.text == UNICODE, f"the client read {got.reply.text!r}")


LONG = " ".join(f"Line-{number}-of-a-tale-{'that-goes-on-and-on-' * 5}" for number in range(2_500))


def _same_long(stage: Stage, got: Got) -> None:
    same = got.reply.text == LONG
    stage.expect(same, f"of {len(LONG)} characters the client read {len(got.reply.text)}, or others")


def _system(stage: Stage) -> Question:
    return Question(stage.model, ask(), system=(SYSTEM,), stream=stage.streamed)


def _has_system(stage: Stage, got: Got) -> None:
    told = list(got.question.system)
    stage.expect(told == [SYSTEM], f"the upstream's instructions are {told}")
    stage.expect(got.question.texts("user") == ["Good evening"], "instructions stand among the user's words")


_TWO = ("Speak like a sailor.", "Never mention the sea.")


def _two_systems(stage: Stage) -> Question:
    return Question(stage.model, ask(), system=_TWO, stream=stage.streamed)


def _has_both(stage: Stage, got: Got) -> None:
    told = "\n".join(got.question.system)
    places = [told.find(text) for text in _TWO]
    stage.expect(-1 < places[0] < places[1], f"the upstream's instructions are {got.question.system}")


_LATER = "From here on, answer in French."


def _midway(stage: Stage) -> Question:
    later = Turn("system", (Words(_LATER),))
    turns = (
        user("Hello"),
        assistant("Hello."),
        user("How are you?"),
        assistant("Fine."),
        later,
        user("Go on"),
    )
    return Question(stage.model, turns, system=(SYSTEM,), stream=stage.streamed)


def _stays_midway(stage: Stage, got: Got) -> None:
    texts = [
        (turn.role, part.text)
        for turn in got.question.turns
        for part in turn.parts
        if isinstance(part, Words)
    ]
    place = next((at for at, (_, text) in enumerate(texts) if _LATER in text), None)
    hoisted = any(_LATER in text for text in got.question.system)
    stage.require(place is not None or hoisted, "the later instruction has not reached the upstream")
    before = [text for _, text in texts[:place]] if place is not None else []
    kept = not hoisted and "Fine." in before and "Go on" not in before
    stage.expect(kept, "the later instruction has lost its place in the conversation")


_TALK = (user("My name is Ada."), assistant("Hello Ada."), user("And yours?"), assistant("Hal."), user("Bye"))


def _talk(stage: Stage) -> Question:
    return Question(stage.model, _TALK, stream=stage.streamed)


def _same_talk(stage: Stage, got: Got) -> None:
    roles = [turn.role for turn in got.question.turns]
    said = [got.question.texts(role) for role in ("user", "assistant")]
    stage.expect(roles == ["user", "assistant", "user", "assistant", "user"], f"the roles are {roles}")
    wanted = [["My name is Ada.", "And yours?", "Bye"], ["Hello Ada.", "Hal."]]
    stage.expect(said == wanted, f"the upstream read {said}")


def _neighbours(stage: Stage) -> Question:
    return Question(stage.model, (user("First."), user("Second.")), stream=stage.streamed)


def _has_neighbours(stage: Stage, got: Got) -> None:
    said = "\n".join(got.question.texts("user"))
    stage.expect(-1 < said.find("First.") < said.find("Second."), f"the upstream read {said!r}")


def _empty(stage: Stage) -> Question:
    nothing = Turn("assistant", (Words(""),))
    return Question(stage.model, (user("Say nothing."), nothing, user("Thanks.")), stream=stage.streamed)


def _went_on(stage: Stage, got: Got) -> None:
    said = "\n".join(got.question.texts("user"))
    stage.expect("Say nothing." in said and "Thanks." in said, f"the upstream read {said!r}")


_OPENAI = frozenset({"openai_chat", "openai_responses"})
_TALE = "All work and no play makes Jack a dull boy. " * 24_000


def _goes_on(stage: Stage, got: Got) -> None:
    stage.expect("Hello." in "\n".join(got.question.texts("user")), "the words before are lost")
    stage.expect(got.reply.text == ANSWER, f"the client read {got.reply.text!r}")


def _assistant_kept(text: str) -> Checking:
    def check(stage: Stage, got: Got) -> None:
        said = "\n".join(got.question.texts("assistant"))
        stage.expect(text in said, f"the upstream read {said!r}")

    return check


def _tale_kept(stage: Stage, got: Got) -> None:
    same = got.question.texts("user") == [_TALE]
    stage.expect(
        same, f"of {len(_TALE)} characters the upstream read {sum(map(len, got.question.texts('user')))}"
    )


FEATURES = (
    Feature(
        "text",
        "Conversation",
        "A question and an answer in plain text",
        _ROLES,
        one,
        check=_answered,
    ),
    Feature(
        "text-exact",
        "Conversation",
        "Quotes, backslashes, markup and what looks like a stream's end",
        "JSON (RFC 8259): a string is the text that it stands for",
        _tricky,
        answer=lambda stage: say(TRICKY),
        check=_same_tricky,
    ),
    Feature(
        "text-unicode-split",
        "Conversation",
        "Characters of several bytes, and frames, split over network reads",
        "statement 85: networks cut where they like, also within a character",
        one,
        play=_chopped,
    ),
    Feature(
        "text-long",
        "Conversation",
        "An answer of 300 KB",
        "all vendors: the text is the answer, however long",
        one,
        answer=lambda stage: say(LONG),
        check=_same_long,
    ),
    Feature(
        "system",
        "Conversation",
        "A system prompt",
        "all vendors: instructions have a place of their own before the conversation",
        _system,
        check=_has_system,
    ),
    Feature(
        "system-two",
        "Conversation",
        "Two system prompts, in order",
        "statement 15: leading instructions are hoisted, all of them and in order",
        _two_systems,
        check=_has_both,
    ),
    Feature(
        "system-midway",
        "Conversation",
        "An instruction in mid-conversation stays where it is",
        "statement 16: an instruction in the middle is read there, as one or as marked words of the user",
        _midway,
        check=_stays_midway,
    ),
    Feature(
        "multi-turn",
        "Conversation",
        "Five turns keep their order and roles",
        _ROLES,
        _talk,
        check=_same_talk,
    ),
    Feature(
        "same-role-twice",
        "Conversation",
        "Two user messages in a row",
        "statement 19: neighbours of one role are sent on or joined, never lost",
        _neighbours,
        check=_has_neighbours,
    ),
    Feature(
        "empty-message",
        "Conversation",
        "An empty message of the assistant in the history",
        "statement 17: OpenAI takes empty text, Anthropic and Google refuse it, so it is not sent there",
        _empty,
        check=_went_on,
        clients=frozenset({"openai_chat", "openai_responses"}),
    ),
    Feature(
        "empty-question",
        "Conversation",
        "An empty message of the user",
        "statement 17: OpenAI takes empty text, Anthropic and Google refuse it, so it is not sent there",
        asking(Question("", (user("Hello."), assistant("Hello."), user("")))),
        check=_goes_on,
        clients=_OPENAI,
    ),
    Feature(
        "white-space",
        "Conversation",
        "A message of nothing but white space",
        "statement 18: Anthropic refuses text without anything to be seen",
        asking(Question("", (user("Hello."), assistant(" \n"), user("Are you there?")))),
        check=_goes_on,
        clients=_OPENAI,
    ),
    Feature(
        "assistant-first",
        "Conversation",
        "A conversation that the assistant begins",
        "Anthropic Messages: the first message is the user's; OpenAI and Google do not mind",
        asking(Question("", (assistant("I am Hal."), user("Hello.")))),
        check=_assistant_kept("I am Hal."),
        clients=frozenset({"openai_chat", "openai_responses", "gemini"}),
    ),
    Feature(
        "assistant-last",
        "Conversation",
        "A conversation that the assistant ends",
        "OpenAI: a trailing assistant message is history (statement 24)",
        asking(Question("", (user("Who are you?"), assistant("I am Hal.")))),
        check=_assistant_kept("I am Hal."),
        clients=_OPENAI,
    ),
    Feature(
        "question-long",
        "Conversation",
        "A question of 1 MB",
        "all vendors: requests of 20 MB and more are taken",
        asking(Question("", ask(_TALE))),
        check=_tale_kept,
        modes=("whole",),
    ),
)
