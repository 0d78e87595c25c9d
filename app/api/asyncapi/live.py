"""`ws /api/v1/events/live`: every frame of both sides, with the credit that lets events through."""

from __future__ import annotations

from typing import Any

from app.api.asyncapi.messages import in_channel, in_components
from app.api.asyncapi.schemas import POSITION, ref
from app.events.live import CREDIT, MOST_CREDIT, SUBPROTOCOL
from app.http.consistency import MAX_POSITION

CHANNEL = "live"


def described(types: list[str], address: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The channel, its operations, and the messages that they add to those of the log."""
    taken, given = _from_clients(), _from_us()
    channel = {
        "address": "/api/v1/events/live",
        "title": "The event log over a websocket",
        "description": (
            f"Subprotocol `{SUBPROTOCOL}`; text frames of JSON. The client subscribes, then gives credit: "
            f"{CREDIT} events may come before the first. Close codes: 4400 malformed, 4401 sign in, "
            "4403 not allowed, 4413 message too large; come back after 4503."
        ),
        "servers": [{"$ref": "#/servers/live"}],
        "messages": in_components(*taken, *types, *given),
        "bindings": {
            "ws": {"method": "GET", "query": _QUERY, "headers": _HEADERS, "bindingVersion": "0.1.0"}
        },
    }
    operations = {
        "subscribeLive": _operation("receive", "The client's frames", *taken),
        "followLive": _operation("send", "The server's frames", *types, *given),
    }
    return {CHANNEL: channel}, operations, taken | given


_QUERY = {
    "type": "object",
    "properties": {"token": {"type": "string", "description": "An access token, where headers can't be set"}},
}
_HEADERS = {
    "type": "object",
    "properties": {"Sec-WebSocket-Protocol": {"type": "string", "const": SUBPROTOCOL}},
}


def _from_clients() -> dict[str, Any]:
    position = POSITION | {"maximum": MAX_POSITION, "default": 0}
    subscribe = _object({"after": position, "filter": {"oneOf": [ref("Filter"), ref("Expression")]}}, ())
    credit = {"type": "integer", "minimum": 1, "maximum": MOST_CREDIT}
    return {
        "live.subscribe": _frame(
            "live.subscribe",
            "The first frame: where to begin, and what is wanted",
            _object({"subscribe": subscribe}, ("subscribe",)),
            {"subscribe": {"after": 0, "filter": [{"prefix": {"type": "plan."}}]}},
        ),
        "live.credit": _frame(
            "live.credit",
            f"So many events more may come; at most {MOST_CREDIT:,} may be open at once",
            _object({"credit": credit}, ("credit",)),
            {"credit": 100},
        ),
    }


def _from_us() -> dict[str, Any]:
    """Marks need no credit, and come once a second at most."""
    told = {
        "caughtup": "Everything up to this position was sent; what follows is live",
        "checkpoint": "Everything up to this position was looked at: go on from here after a break",
    }
    return {
        f"live.{name}": _frame(f"live.{name}", text, _object({name: POSITION}, (name,)), {name: 4711})
        for name, text in told.items()
    }


def _object(properties: dict[str, Any], required: tuple[str, ...]) -> dict[str, Any]:
    found: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": list(required)} if required else {})


def _frame(name: str, text: str, payload: dict[str, Any], example: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": name,
        "title": name,
        "summary": text,
        "contentType": "application/json",
        "payload": payload,
        "examples": [{"name": "frame", "payload": example}],
    }


def _operation(action: str, title: str, *messages: str) -> dict[str, Any]:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{CHANNEL}"},
        "title": title,
        "summary": title,
        "description": f"{title}, one message in each.",
        "messages": in_channel(CHANNEL, *messages),
    }
