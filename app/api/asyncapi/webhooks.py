"""Webhooks: events that are sent to a receiver's own URL, signed as Standard Webhooks has it."""

from __future__ import annotations

import json
from typing import Any

from app.api.asyncapi.messages import in_channel, in_components, one_of
from app.api.asyncapi.schemas import ref
from app.eventlog.examples import example
from app.events.cloud_events import BATCH
from app.subscriptions.message import STRUCTURED, THIN_OVER, compose
from app.subscriptions.webhook import BATCH as MOST

CHANNEL = "webhook"
_SIGNATURE = "v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4="


def described(types: list[str], address: str) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """The channel, its operation, and the messages that it adds to those of the log."""
    messages = {
        "webhook.event": _message("One event", STRUCTURED, one_of(types), types[0], address),
        "webhook.batch": _message("Several events", BATCH, _several(types), types[0], address, batch=True),
        "webhook.thin": _message(
            "An event without its data", STRUCTURED, _thin(), types[0], address, thin=True
        ),
        "webhook.ping": _ping(address),
    }
    channel = {
        "address": None,
        "title": "A receiver's own URL",
        "description": (
            f"Made with `POST /api/v1/subscriptions`. An event over {THIN_OVER:,} bytes comes "
            "without its data. A 2xx answer takes the message; 410 ends the webhook; anything else is tried "
            "again for three days, in order within each stream."
        ),
        "messages": in_components(*messages),
    }
    operation = {
        "action": "send",
        "channel": {"$ref": f"#/channels/{CHANNEL}"},
        "title": "Send events to a receiver",
        "summary": "Send events to a receiver",
        "description": "At least once, signed, with the same `webhook-id` at each attempt.",
        "bindings": {"http": {"method": "POST", "bindingVersion": "0.3.0"}},
        "messages": in_channel(CHANNEL, *messages),
    }
    return {CHANNEL: channel}, {"sendWebhook": operation}, messages


_HEADERS: dict[str, Any] = {
    "type": "object",
    "description": "Standard Webhooks 1.0; what is signed is `{webhook-id}.{webhook-timestamp}.{body}`",
    "properties": {
        "webhook-id": {
            "type": "string",
            "description": "The same whenever the same is sent: drop doubles by it",
        },
        "webhook-timestamp": {"type": "string", "pattern": "^[0-9]+$", "description": "Seconds since 1970"},
        "webhook-signature": {
            "type": "string",
            "description": "Parted by spaces: `v1,` HMAC-SHA256, `v1a,` Ed25519; also of old keys for a day",
        },
    },
    "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
}


def _message(
    title: str,
    content_type: str,
    payload: dict[str, Any],
    type: str,
    address: str,
    *,
    batch: bool = False,
    thin: bool = False,
) -> dict[str, Any]:
    """A message, with the very body that would be sent of an event of this type as its example."""
    sent = compose([example(type)], address, batch=batch, thin=thin)
    return _signed(title, content_type, payload, sent.id, json.loads(sent.body))


def _signed(title: str, content_type: str, payload: dict[str, Any], id: str, body: Any) -> dict[str, Any]:
    headers = {"webhook-id": id, "webhook-timestamp": "1769851800", "webhook-signature": _SIGNATURE}
    return {
        "name": title,
        "title": title,
        "summary": title,
        "contentType": content_type,
        "headers": _HEADERS,
        "payload": payload,
        "examples": [{"name": "sent", "headers": headers, "payload": body}],
    }


def _several(types: list[str]) -> dict[str, Any]:
    return {"type": "array", "items": {"anyOf": [one_of(types), _thin()]}, "minItems": 1, "maxItems": MOST}


def _thin() -> dict[str, Any]:
    return {"allOf": [ref("CloudEvent"), {"required": ["dataref"], "not": {"required": ["data"]}}]}


def _ping(address: str) -> dict[str, Any]:
    """What `POST …/ping` sends: no event of the log."""
    body = {
        "specversion": "1.0",
        "id": "0b1f0a0e-6a57-4b0b-8c9e-3c1f8c3a3a55",
        "source": address,
        "type": "webhook.ping",
        "subject": "1d7e8c1c-6f0c-4f0e-9d5a-2f2d1c9b7a10",
        "time": "2026-01-31T09:30:00Z",
        "datacontenttype": "application/json",
        "data": {},
    }
    payload = {
        "type": "object",
        "properties": {name: {"type": "string"} for name in body if name != "data"}
        | {"type": {"const": "webhook.ping"}, "data": {"type": "object", "maxProperties": 0}},
        "required": list(body),
        "additionalProperties": False,
    }
    return _signed("A try that says nothing", STRUCTURED, payload, str(body["id"]), body)
