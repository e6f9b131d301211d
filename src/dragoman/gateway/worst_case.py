"""What a request may take at most, set aside before it is sent out of what its holders are limited to."""

from dragoman.conversation.failure import invalid
from dragoman.conversation.prompt_bound import prompt_bound
from dragoman.dialects.bounds import outlasts, output_bound, plain, rendered_bound, searches_bound
from dragoman.dialects.dialect import Head
from dragoman.gateway.attempt import Attempt
from dragoman.gateway.call import Call
from dragoman.gateway.plan import Plan, Translation, asked
from dragoman.ledger.pricing import Quote


async def set_aside(call: Call, head: Head, attempt: Attempt, planned: Plan, quote: Quote) -> None:
    """Set aside what the request may take at most. Raises `FailureError` where limits or budgets do not
    admit that much, and for requests of which nobody can tell.
    """
    if outlasts(call.dialect.name, head):
        raise invalid(
            "An answer that is made in the background cannot be counted against the limits and budgets "
            "that hold for this key: leave 'background' out.",
            "background",
            "unsupported_parameter",
        )
    body, profile, copies = planned.wire.body, attempt.target.target.profile, planned.copies
    if isinstance(planned, Translation):
        candidates = max(copies, planned.request.candidates)
        answer = rendered_bound(body, profile, candidates)
    else:
        answer = output_bound(call.dialect.name, head, profile)
    textual = plain(head, call.body)
    searches = copies * searches_bound(head)
    if textual:
        prompt = copies * prompt_bound(len(body))
        if attempt.set_aside_now(quote, prompt, answer, searches=searches):
            return
    # little is left, or there is more than text: the request itself tells better what it may take
    prompt = copies * prompt_bound(len(body), asked(call, planned))
    await attempt.set_aside(quote, prompt, answer, media=not textual, searches=searches)
