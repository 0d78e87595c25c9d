"""Subscriptions in words: how one stands, what it is sent, and what went wrong with that."""

from __future__ import annotations

import re
from collections.abc import Mapping

from markupsafe import Markup

from app.subscriptions.delivery_log import Cause, Outcome
from app.subscriptions.queue import TIMED_OUT
from app.subscriptions.subscription import CREDENTIAL_ENDED, Kind, State
from app.web.locale import N_, Locale

KINDS: Mapping[Kind, str] = {"webhook": N_("Webhook"), "pull": N_("Pull group")}
STATES: Mapping[State, str] = {
    "active": N_("Active"),
    "paused": N_("Paused"),
    "failing": N_("Failing"),
    "disabled": N_("Switched off"),
}
MEANINGS: Mapping[State, str] = {
    "active": N_("Events are delivered as they happen."),
    "paused": N_("Nothing is delivered until you resume it. Events wait meanwhile."),
    "failing": N_("The last delivery failed. It is tried again by itself, at growing intervals."),
    "disabled": N_("Nothing is delivered any more. Mend what was wrong, then switch it on again."),
}
_HELD = N_("Events wait here until your programs fetch them.")
ICONS: Mapping[State, str] = {
    "active": "finished",
    "paused": "pause",
    "failing": "warning",
    "disabled": "stop",
}
OUTCOMES: Mapping[Outcome, str] = {
    "delivered": N_("Delivered"),
    "retried": N_("Failed, will be tried again"),
    "parked": N_("Given up and parked"),
    "disabled": N_("Refused for good, switched off"),
    "failed": N_("Failed"),
}
CAUSES: Mapping[Cause, str] = {
    "event": N_("New event"),
    "replay": N_("Replay"),
    "redelivery": N_("Sent again by hand"),
    "ping": N_("Test message"),
}
_ERRORS = {
    "timeout": N_("The receiver did not answer in time."),
    "connection": N_("The receiver could not be reached. Check the address, and that it is running."),
    "protocol": N_("What answered there does not speak HTTP."),
    "address_refused": N_("Nothing may be sent to this address: it is not a public one."),
    "not_sent": N_("It could not be sent because of a fault here. It is tried again."),
    "signing_key": N_("The secret cannot be read any more. Make a new one."),
    TIMED_OUT: N_("A worker took it and neither acknowledged it nor gave it back in time."),
    CREDENTIAL_ENDED: N_("The access token that it was made with has ended. Resume it to go on without."),
}
_ANSWERED = re.compile(r"answered (\d{3})")
_STATUSES = {
    401: N_("The receiver answered %(status)s: it does not recognise the sender."),
    403: N_("The receiver answered %(status)s: it does not let us in."),
    404: N_("The receiver answered %(status)s: there is nothing at this address."),
    410: N_("The receiver answered %(status)s: it wants no more events."),
    429: N_("The receiver answered %(status)s: that was too much at once."),
}
_CLASSES = {
    3: N_("The receiver answered %(status)s: it points elsewhere. Enter the final address."),
    4: N_("The receiver answered %(status)s: it refuses the message."),
    5: N_("The receiver answered %(status)s: it has a fault of its own."),
}
_ANSWER = N_("The receiver answered %(status)s.")


def meaning(kind: Kind, state: State) -> str:
    """What the state of a subscription means to its owner; to be translated where it is shown."""
    return _HELD if (kind, state) == ("pull", "active") else MEANINGS[state]


def error_in_words(locale: Locale, error: str) -> Markup:
    """A last error for its owner: known ones in words, what a worker reported as it is (escaped)."""
    if error in _ERRORS:
        return locale.gettext(_ERRORS[error])
    if answered := _ANSWERED.fullmatch(error):
        return answer_in_words(locale, int(answered[1]))
    return Markup.escape(error)


def answer_in_words(locale: Locale, status: int) -> Markup:
    """What a receiver's status (100–599) other than success means."""
    message = _STATUSES.get(status) or _CLASSES.get(status // 100) or _ANSWER
    return locale.gettext(message, status=status)


def attempt_in_words(locale: Locale, status: int | None, error: str | None) -> Markup:
    """How an attempt ended, or nothing for one that succeeded."""
    if error is not None:
        return error_in_words(locale, error)
    if status is None or 200 <= status < 300:
        return Markup("")
    return answer_in_words(locale, status)
